/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The calls that wait for a worker, and whose turn it is. For the other files of the pool; any thread, all under
 * LOCK_POOL. Takes no other lock.
 *
 * Each class of calls has a round. In it identities have their turns one after another, each for as many calls as its
 * weight says, and within an identity its clients; each client has one turn per class, in which its calls keep their
 * order. So many connections of one identity don't crowd out another's single one. While others are connected, the
 * calls of one identity leave some workers to them.
 *
 * Of some classes only few calls run at once. Bulk calls and handshakes cost CPU rather than time, and no bulk call is
 * taken for a client that has not read its last answers. Proofs of identity may wait for a database. Such a call has a
 * place from its taking to its end. */
#include "rpc/pool-private.h"

/* --- classes --------------------------------------------------------------------------------- */

TurnClass turn_class_of(const Call *call)
{
    if (call->run)
        return TURN_LOGIN;
    if (call->login)
        return TURN_PROOF;
    if (call->lane == LANE_BULK)
        return TURN_BULK;
    return call->proc->flags & PROC_HIGH ? TURN_HIGH : TURN_NORMAL;
}

TurnClass turn_class_resumed(TurnClass class)
{
    return class == TURN_HIGH ? TURN_RESUMED_HIGH : TURN_RESUMED;
}

bool turn_class_is_counted(TurnClass class)
{
    return class <= TURN_RESUMED;
}

/* --- rounds, shares and turns; under LOCK_POOL -------------------------------------------------- */

static void round_append(Round *round, Share *share)
{
    share->next = NULL;
    share->queued = true;
    if (round->last)
        round->last->next = share;
    else
        round->first = share;
    round->last = share;
    round->n++;
}

static Share *round_take(Round *round)
{
    Share *share = round->first;

    round->first = share->next;
    if (!round->first)
        round->last = NULL;
    round->n--;
    share->next = NULL;
    share->queued = false;
    return share;
}

static void share_append(Share *share, Turn *turn)
{
    turn->next = NULL;
    turn->queued = true;
    turn->share = share;
    if (share->last)
        share->last->next = turn;
    else
        share->first = turn;
    share->last = turn;
}

static Turn *share_take(Share *share)
{
    Turn *turn = share->first;

    share->first = turn->next;
    if (!share->first)
        share->last = NULL;
    turn->next = NULL;
    turn->queued = false;
    return turn;
}

static void turn_append(Turn *turn, Call *call)
{
    call->next = NULL;
    if (turn->first)
        turn->last->next = call;
    else
        turn->first = call;
    turn->last = call;
}

static Call *turn_take(Turn *turn)
{
    Call *call = turn->first;

    turn->first = call->next;
    if (!turn->first)
        turn->last = NULL;
    call->next = NULL;
    return call;
}

static unsigned weight_of(const Share *share)
{
    return __atomic_load_n(&share->identity->weight, __ATOMIC_RELAXED);
}

/* After a call of the first share: the next one's turn, unless it has more calls to its turn. */
static void pass_on(Round *round)
{
    Share *share = round->first;

    if (!share->first) {
        round_take(round);
    } else if (share->left > 1) {
        share->left--;
    } else {
        share->left = weight_of(share);
        round_append(round, round_take(round));
    }
}

/* --- calls come and are taken ------------------------------------------------------------------ */

void pool_queue_locked(Pool *pool, Call *call, TurnClass class)
{
    Turn *turn = &call->client->turns[class];
    Share *share = turn->queued ? turn->share : &client_who(call->client)->shares[class];

    lock_assert_held(&pool->lock);
    call->turn = (uint8_t)class;
    if (class == TURN_BULK && !outbox_congested(call->client))
        pool->unread = false;
    turn_append(turn, call);
    if (!turn->queued)
        share_append(share, turn);
    if (!share->queued) {
        share->left = weight_of(share);
        round_append(&pool->rounds[class], share);
    }
    __atomic_add_fetch(&pool->queued, 1, __ATOMIC_SEQ_CST);
}

bool pool_has_calls_locked(const Pool *pool, TurnClass class)
{
    lock_assert_held(&pool->lock);
    return pool->rounds[class].first;
}

bool pool_has_new_calls_locked(const Pool *pool)
{
    return pool_has_calls_locked(pool, TURN_HIGH) || pool_has_calls_locked(pool, TURN_NORMAL);
}

TurnClass pool_first_new_class_locked(const Pool *pool)
{
    return pool_has_calls_locked(pool, TURN_HIGH) ? TURN_HIGH : TURN_NORMAL;
}

/* The first call of the identity and client whose turn it is; the client goes to the end of its identity's. */
Call *pool_take_turn_locked(Pool *pool, TurnClass class)
{
    Round *round = &pool->rounds[class];
    Share *share = round->first;
    Turn *turn;
    Call *call;

    lock_assert_held(&pool->lock);
    if (!share)
        return NULL;
    turn = share_take(share);
    call = turn_take(turn);
    if (turn->first)
        share_append(share, turn);
    pass_on(round);
    __atomic_sub_fetch(&pool->queued, 1, __ATOMIC_SEQ_CST);
    return call;
}

/* --- what one identity may have ----------------------------------------------------------------- */

/* Workers that the calls of one identity may have; all, while there is no other. */
static unsigned most_of_one_locked(const Pool *pool)
{
    unsigned max = pool->limits.max;

    lock_assert_held(&pool->lock);
    if (identities_present(pool->rpc->identities) < 2)
        return max;
    return pool->most_of_one ? MIN(pool->most_of_one, max) : MAX(1, max - MAX(1, max / 5));
}

static bool has_as_many(const Identity *identity, unsigned most)
{
    return __atomic_load_n(&identity->working, __ATOMIC_RELAXED) >= most;
}

/* Those that have enough wait at the end of the round. */
Call *pool_take_counted_locked(Pool *pool, TurnClass class)
{
    Round *round = &pool->rounds[class];
    unsigned most;

    lock_assert_held(&pool->lock);
    if (!round->first)
        return NULL;
    most = most_of_one_locked(pool);
    for (Share *last = round->last;;) {
        Share *share = round->first;

        if (!has_as_many(share->identity, most))
            return pool_take_turn_locked(pool, class);
        round_append(round, round_take(round));
        if (share == last)
            return NULL;
    }
}

/* Whether an identity that doesn't have `most` workers has calls in this round. */
static bool has_hungry(const Round *round, unsigned most)
{
    for (const Share *share = round->first; share; share = share->next)
        if (!has_as_many(share->identity, most))
            return true;
    return false;
}

/* The workers are enough for only so many identities at once: when more than these have calls here, one of them has too
 * few. Else there are few to look at, one as long as an identity may have most of the workers. */
bool pool_has_for_ordinary_locked(const Pool *pool, TurnClass class)
{
    const Round *round = &pool->rounds[class];
    unsigned most;

    lock_assert_held(&pool->lock);
    if (class == TURN_PROOF)
        return pool_may_take_proof_locked(pool, ORDINARY);
    if (!turn_class_is_counted(class))
        return true;
    most = most_of_one_locked(pool);
    if (round->n <= pool->crews[ORDINARY].n / most)
        return has_hungry(round, most);
#ifdef LOCK_CHECK
    g_assert(has_hungry(round, most));
#endif
    return true;
}

/* --- classes of which only few run ---------------------------------------------------------------- */

/* All workers together have no more than max_bulk; priority workers few of those. */
bool pool_may_take_bulk_locked(const Pool *pool, Kind kind)
{
    unsigned ordinary = pool->crews[ORDINARY].bulk, prio = pool->crews[PRIO].bulk;

    lock_assert_held(&pool->lock);
    return ordinary + prio < pool->max_bulk && (kind == ORDINARY || prio < pool->limits.prio / 2);
}

/* As few as bulk calls: a storm of them leaves the others a processor. */
bool pool_may_take_login_locked(const Pool *pool)
{
    lock_assert_held(&pool->lock);
    return pool->logins < pool->max_bulk;
}

/* A part of the workers is the most that proofs may hold, since they may wait. */
bool pool_may_take_proof_locked(const Pool *pool, Kind kind)
{
    unsigned most = kind == PRIO ? pool->limits.prio / 2 : MAX(1, pool->limits.max / 4);

    lock_assert_held(&pool->lock);
    return pool->crews[kind].proofs < most;
}

/* Puts a client first that has read its answers; false: there is none. */
static bool reader_first(Share *share)
{
    for (Turn *last = share->last;;) {
        Turn *turn = share->first;

        if (!outbox_congested(turn->client))
            return true;
        share_append(share, share_take(share));
        if (turn == last)
            return false;
    }
}

/* When nobody has read, nobody looks again at perhaps thousands of clients before there is a reason. */
bool pool_bulk_reader_first_locked(Pool *pool)
{
    Round *round = &pool->rounds[TURN_BULK];

    lock_assert_held(&pool->lock);
    if (pool->unread)
        return false;
    for (unsigned n = round->n; n > 0; n--) {
        if (reader_first(round->first))
            return true;
        round_append(round, round_take(round));
    }
    pool->unread = true;
    return false;
}

Call *pool_take_bulk_locked(Pool *pool, Kind kind)
{
    if (!pool_may_take_bulk_locked(pool, kind) || !pool_bulk_reader_first_locked(pool))
        return NULL;
    pool->crews[kind].bulk++;
    return pool_take_turn_locked(pool, TURN_BULK);
}

Call *pool_take_login_locked(Pool *pool)
{
    if (!pool_has_calls_locked(pool, TURN_LOGIN) || !pool_may_take_login_locked(pool))
        return NULL;
    pool->logins++;
    return pool_take_turn_locked(pool, TURN_LOGIN);
}

Call *pool_take_proof_locked(Pool *pool, Kind kind)
{
    if (!pool_has_calls_locked(pool, TURN_PROOF) || !pool_may_take_proof_locked(pool, kind))
        return NULL;
    pool->crews[kind].proofs++;
    return pool_take_turn_locked(pool, TURN_PROOF);
}

TurnClass pool_give_place_back_locked(Pool *pool, TurnClass class, Kind kind)
{
    lock_assert_held(&pool->lock);
    if (class == TURN_PROOF)
        pool->crews[kind].proofs--;
    else if (class == TURN_BULK)
        pool->crews[kind].bulk--;
    else if (class == TURN_LOGIN)
        pool->logins--;
    else
        return TURN_CLASSES;
    return class;
}
