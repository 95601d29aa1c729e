/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The figures of all hypervisors' domains for one endpoint. What is published is taken on the endpoint's thread. Each driver is
 * asked on a thread of its own, so that one that hangs holds neither the endpoint nor the figures of the others: after a while
 * its domains are told of without figures, and it isn't asked again until it has answered. At most one thread an endpoint and
 * hypervisor hangs there. Takes LOCK_SAMPLER and, without it, LOCK_HOSTS. */
#include "server/metrics-private.h"

#include "base/clock.h"
#include "base/log.h"

LOG_SOURCE("server.metrics");

enum { SPARE_MAX = 8 };       /* samples whose memory is kept for the next */

/* A driver that is asked. */
typedef struct Question {
    /* fixed */
    Sampler *sampler;
    HostSample *sample;       /* the thread's until it has ended, then who ends the question's */
    GThread *thread;
    int64_t since;            /* clock_now() */
    /* the endpoint's thread's */
    bool told;                /* that it doesn't answer */
    /* under LOCK_SAMPLER */
    bool answered;
} Question;

struct Sampler {
    /* fixed */
    Server *server;
    int64_t wait;
    /* the endpoint's thread's */
    GPtrArray *spare;         /* of HostSample */
    /* under LOCK_SAMPLER; added and taken by the endpoint's thread alone, which needs no lock to read */
    GPtrArray *questions;     /* of Question */
    Lock lock;
    Cond answered;
    bool stopped;
};

Sampler *sampler_new(Server *server, int64_t wait)
{
    Sampler *sampler = g_new0(Sampler, 1);

    sampler->server = server;
    sampler->wait = wait;
    sampler->spare = g_ptr_array_new_with_free_func((GDestroyNotify)host_sample_free);
    sampler->questions = g_ptr_array_new();
    lock_init(&sampler->lock, LOCK_SAMPLER);
    cond_init(&sampler->answered);
    return sampler;
}

void sampler_stop(Sampler *sampler)
{
    LOCK_SCOPE(&sampler->lock);
    sampler->stopped = true;
    cond_broadcast(&sampler->answered);
}

static HostSample *take_spare(Sampler *sampler)
{
    return sampler->spare->len ? g_ptr_array_steal_index_fast(sampler->spare, sampler->spare->len - 1) : host_sample_new();
}

static void give_back(Sampler *sampler, HostSample *sample)
{
    if (sampler->spare->len < SPARE_MAX)
        g_ptr_array_add(sampler->spare, sample);
    else
        host_sample_free(sample);
}

/* --- questions --------------------------------------------------------------------------------------------- */

static void *ask(void *data)
{
    Question *question = data;
    Sampler *sampler = question->sampler;

    host_sample_ask(question->sample);
    LOCK_SCOPE(&sampler->lock);
    question->answered = true;
    cond_broadcast(&sampler->answered);
    return NULL;
}

/* Ends when its thread does. Returns its sample. */
static HostSample *question_end(Question *question)
{
    HostSample *sample = question->sample;

    g_thread_join(question->thread);
    g_free(question);
    return sample;
}

/* False: no thread could be made, or the end has come. */
static bool ask_driver(Sampler *sampler, HostSample *sample)
{
    Question *question = g_new0(Question, 1);

    question->sampler = sampler;
    question->sample = sample;
    question->since = clock_now();
    LOCK_SCOPE(&sampler->lock);
    if (!sampler->stopped)
        question->thread = g_thread_try_new("metrics-ask", ask, question, NULL);
    if (!question->thread) {
        g_free(question);
        return false;
    }
    g_ptr_array_add(sampler->questions, question);
    return true;
}

static Question *question_of(Sampler *sampler, const Host *host)
{
    for (unsigned i = 0; i < sampler->questions->len; i++) {
        Question *question = g_ptr_array_index(sampler->questions, i);

        if (question->sample->host == host)
            return question;
    }
    return NULL;
}

/* Questions that are answered by now are taken from the sampler. */
static GPtrArray *take_answered(Sampler *sampler)
{
    GPtrArray *answered = g_ptr_array_new();

    LOCK_SCOPE(&sampler->lock);
    for (unsigned i = sampler->questions->len; i-- > 0;) {
        Question *question = g_ptr_array_index(sampler->questions, i);

        if (question->answered)
            g_ptr_array_add(answered, g_ptr_array_remove_index_fast(sampler->questions, i));
    }
    return answered;
}

/* Answers that came too late. */
static void drop_answered(Sampler *sampler)
{
    g_autoptr(GPtrArray) answered = take_answered(sampler);

    for (unsigned i = 0; i < answered->len; i++)
        give_back(sampler, question_end(g_ptr_array_index(answered, i)));
}

/* --- samples ----------------------------------------------------------------------------------------------- */

/* Until all questions since `since` are answered, or it takes too long. */
static void wait_for_answers(Sampler *sampler, int64_t since)
{
    LOCK_SCOPE(&sampler->lock);
    for (;;) {
        bool open = false;

        for (unsigned i = 0; i < sampler->questions->len; i++) {
            const Question *question = g_ptr_array_index(sampler->questions, i);

            open |= question->since >= since && !question->answered;
        }
        if (!open || sampler->stopped || !cond_wait_until(&sampler->answered, &sampler->lock, since + sampler->wait))
            return;
    }
}

/* A sample of what is published alone, since its driver owes the answer to a question. */
static HostSample *sample_without(Sampler *sampler, Question *question)
{
    HostSample *sample = take_spare(sampler);

    host_sample_begin(sample, question->sample->host);
    sample->good = false;
    sample->overdue = MAX(clock_now() - question->since, 1);
    if (question->told || sample->overdue < sampler->wait)    /* the latter at the end, which doesn't wait */
        return sample;
    log_warning("%s has not answered for %" G_GINT64_FORMAT " ms when it was asked for figures of its domains",
                sample->host->uri, sample->overdue / CLOCK_MS);
    question->told = true;
    return sample;
}

/* Published facts of each hypervisor, and questions for the rest. */
static void begin_samples(Samples *samples, const GPtrArray *hosts)
{
    Sampler *sampler = samples->sampler;

    for (unsigned i = 0; i < hosts->len; i++) {
        Host *host = g_ptr_array_index(hosts, i);
        Question *open = question_of(sampler, host);
        HostSample *sample = open ? sample_without(sampler, open) : take_spare(sampler);

        if (!open) {
            host_sample_begin(sample, host);
            if (host_sample_wants(sample) && !ask_driver(sampler, sample))
                sample->good = false;
        }
        g_ptr_array_add(samples->hosts, sample);
    }
}

/* After the wait: a sample that was not finished stays with its question, and what came of earlier ones is too late. */
static void end_samples(Samples *samples)
{
    Sampler *sampler = samples->sampler;
    g_autoptr(GPtrArray) answered = take_answered(sampler);

    for (unsigned i = 0; i < answered->len; i++) {
        Question *question = g_ptr_array_index(answered, i);
        bool ours = question->since >= samples->taken;
        HostSample *sample = question_end(question);

        if (!ours)
            give_back(sampler, sample);
    }
    for (unsigned i = 0; i < samples->hosts->len; i++) {
        HostSample *sample = g_ptr_array_index(samples->hosts, i);
        Question *open = question_of(sampler, sample->host);

        if (open && open->sample == sample)
            samples->hosts->pdata[i] = sample_without(sampler, open);
    }
}

Samples *samples_take(Sampler *sampler)
{
    Samples *samples = g_new0(Samples, 1);
    g_autoptr(GPtrArray) hosts = hosts_shared(sampler->server->hosts);

    samples->refs = 1;
    samples->taken = clock_now();
    samples->sampler = sampler;
    samples->hosts = g_ptr_array_new();
    drop_answered(sampler);
    begin_samples(samples, hosts);
    wait_for_answers(sampler, samples->taken);
    end_samples(samples);
    return samples;
}

Samples *samples_ref(Samples *samples)
{
    samples->refs++;
    return samples;
}

void samples_unref(Samples *samples)
{
    if (!samples || --samples->refs > 0)
        return;
    for (unsigned i = 0; i < samples->hosts->len; i++)
        give_back(samples->sampler, g_ptr_array_index(samples->hosts, i));
    g_ptr_array_unref(samples->hosts);
    g_free(samples);
}

/* --- the end ------------------------------------------------------------------------------------------------- */

void sampler_tell_stuck(Sampler *sampler)
{
    LOCK_SCOPE(&sampler->lock);
    for (unsigned i = 0; i < sampler->questions->len; i++) {
        const Question *question = g_ptr_array_index(sampler->questions, i);

        if (!question->answered)
            log_error("%s doesn't answer the question for figures of its domains", question->sample->host->uri);
    }
}

void sampler_join(Sampler *sampler)
{
    for (unsigned i = 0; i < sampler->questions->len; i++)    /* sampler_tell_stuck looks at all of them meanwhile */
        g_thread_join(((Question *)g_ptr_array_index(sampler->questions, i))->thread);
}

void sampler_free(Sampler *sampler)
{
    for (unsigned i = 0; i < sampler->questions->len; i++) {
        Question *question = g_ptr_array_index(sampler->questions, i);

        host_sample_free(question->sample);
        g_free(question);
    }
    g_ptr_array_unref(sampler->questions);
    g_ptr_array_unref(sampler->spare);
    cond_deinit(&sampler->answered);
    lock_deinit(&sampler->lock);
    g_free(sampler);
}
