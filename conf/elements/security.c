/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the table of labels and protection (security.def) can't say: defaults that follow from others, labels that
 * only a running guest has, and labels that have to differ from those beside them.
 * Pure functions of the element and its place: any thread, no lock. */
#include <string.h>

#include "base/i18n.h"
#include "conf/element.h"
#include "conf/elements.h"
#include "conf/xml.h"

/* Longer ones are as if absent: they would not fit into what libvirt's clients get. */
#define MODEL_MAX 256
#define LABEL_MAX 4096

static const char *within(const char *text, size_t most)
{
    return text && strlen(text) <= most ? text : NULL;
}

static bool is_label(const xmlNode *node)
{
    return node->type == XML_ELEMENT_NODE && !node->ns && xml_is(node, "seclabel");
}

/* The next of these elements behind `node`, NULL at the end. */
static const xmlNode *next_label(const xmlNode *node)
{
    do
        node = node->next;
    while (node && !is_label(node));
    return node;
}

static bool is_first_label(const xmlNode *node)
{
    do
        node = node->prev;
    while (node && !is_label(node));
    return !node;
}

/* No two of the labels beside one another may have the same model. Asked for the first of them, for all at once.
 * `nameless`: two without a model are such as well. */
static int check_distinct(size_t longest, bool nameless, ElementParse *parse)
{
    const xmlNode *node = element_node(parse);
    g_autoptr(GHashTable) models = NULL;

    if (!is_first_label(node) || !next_label(node))
        return 0;
    models = g_hash_table_new(g_str_hash, g_str_equal);
    for (; node; node = next_label(node)) {
        const char *model = within(xml_attribute(node, "model", parse->arena), longest);

        if (!model && !nameless)
            continue;
        if (!g_hash_table_add(models, (void *)(model ? model : "")))
            return element_fail(parse, VIR_ERR_XML_DETAIL, _("There are two <seclabel> for the model '%s'"),
                                model ? model : "");
    }
    return 0;
}

/* --- the guest's labels ------------------------------------------------------------------------ */

/* Of several labels each must have a model, and no two the same. */
static int check_models(const char *model, ElementParse *parse)
{
    const xmlNode *node = element_node(parse);

    if (check_distinct(MODEL_MAX, true, parse) < 0)
        return -1;
    if (!model && (!is_first_label(node) || next_label(node)))
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("Of several <seclabel> each needs the attribute 'model'"));
    return 0;
}

/* What the type allows for 'relabel', and what it means when that is absent. */
static int settle_relabel(SecurityLabel *label, ElementParse *parse)
{
    if (label->type == SECURITY_LABEL_TYPE_DYNAMIC && label->relabel == TRISTATE_NO)
        return element_fail(parse, VIR_ERR_CONFIG_UNSUPPORTED,
                            _("The attribute 'relabel' of a <seclabel> of type 'dynamic' can't be 'no'"));
    if (label->type == SECURITY_LABEL_TYPE_NONE && label->relabel == TRISTATE_YES)
        return element_fail(parse, VIR_ERR_CONFIG_UNSUPPORTED,
                            _("The attribute 'relabel' of a <seclabel> of type 'none' can't be 'yes'"));
    if (label->type == SECURITY_LABEL_TYPE_NONE)
        label->relabel = TRISTATE_ABSENT;
    else if (!label->relabel)
        label->relabel = label->type == SECURITY_LABEL_TYPE_STATIC ? TRISTATE_NO : TRISTATE_YES;
    return 0;
}

/* The model "none" has no labels at all. */
static int settle_no_model(SecurityLabel *label, ElementParse *parse)
{
    if (label->type != SECURITY_LABEL_TYPE_NONE && !(parse->flags & ELEMENT_INACTIVE))
        return element_fail(parse, VIR_ERR_CONFIG_UNSUPPORTED,
                            _("The attribute 'type' of a <seclabel> of model 'none' must be 'none'"));
    *label = (SecurityLabel){ .type = SECURITY_LABEL_TYPE_NONE, .model = label->model };
    return 0;
}

int security_label_parsed(void *self, ElementParse *parse)
{
    SecurityLabel *label = self;

    label->model = within(label->model, MODEL_MAX);
    if (check_models(label->model, parse) < 0 || settle_relabel(label, parse) < 0)
        return -1;
    if (g_strcmp0(label->model, "none") == 0)
        return settle_no_model(label, parse);
    if (label->type == SECURITY_LABEL_TYPE_ABSENT)
        return 1;
    label->label = within(label->label, LABEL_MAX);
    label->baselabel = within(label->baselabel, LABEL_MAX);
    label->imagelabel = within(label->imagelabel, LABEL_MAX);
    if (label->type == SECURITY_LABEL_TYPE_STATIC && !label->label)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("A <seclabel> of type 'static' needs a <label> of at most %d bytes"), LABEL_MAX);
    if (parse->flags & ELEMENT_INACTIVE) {
        label->imagelabel = NULL;
        if (label->type != SECURITY_LABEL_TYPE_STATIC)
            label->label = NULL;
    }
    return 0;
}

/* --- a source's labels ------------------------------------------------------------------------- */

/* A definition doesn't keep a label that leaves everything as it is. */
int source_label_parsed(void *self, ElementParse *parse)
{
    SourceLabel *label = self;

    if (check_distinct(SIZE_MAX, false, parse) < 0)
        return -1;
    label->label = within(label->label, LABEL_MAX);
    if (label->label && label->relabel == TRISTATE_NO)
        return element_fail(parse, VIR_ERR_XML_ERROR,
                            _("A <seclabel> with the attribute relabel='no' can't have a <label>"));
    if (!label->relabel)
        label->relabel = TRISTATE_YES;
    if (parse->flags & ELEMENT_INACTIVE)
        return !label->label && label->relabel == TRISTATE_YES;
    if (label->labelskip != TRISTATE_YES)
        label->labelskip = TRISTATE_ABSENT;
    else
        label->relabel = TRISTATE_ABSENT;
    return 0;
}

/* --- ciphers ----------------------------------------------------------------------------------- */

/* Each cipher once, in the order of their names in the table. */
int key_wrap_parsed(void *self, ElementParse *parse)
{
    KeyWrap *wrap = self;
    KeyWrapCipher *by_name[KEY_WRAP_NAME_DEA + 1] = { NULL };

    for (unsigned i = 0; i < wrap->n_ciphers; i++) {
        KeyWrapCipher *cipher = wrap->ciphers[i];

        if (by_name[cipher->name])
            return element_fail(parse, VIR_ERR_INTERNAL_ERROR, _("<keywrap> has the cipher '%s' twice"),
                                element_word(&key_wrap_name_words, cipher->name));
        by_name[cipher->name] = cipher;
    }
    wrap->n_ciphers = 0;
    for (unsigned name = 1; name < G_N_ELEMENTS(by_name); name++)
        if (by_name[name])
            wrap->ciphers[wrap->n_ciphers++] = by_name[name];
    return 0;
}
