/* x509_names: GeneralNames (RFC 5280 4.2.1.6), compared with a host and with subtrees. */
#include "wire/x509_names.h"

#include "wire/der.h"

enum {
    MAIL_ADDRESS = DER_CONTEXT(1),
    DNS_NAME = DER_CONTEXT(2),
    DIRECTORY_NAME = DER_CONTEXT_OF(4), /* a whole Name */
    IP_ADDRESS = DER_CONTEXT(7),
};

/* ---- hosts ---- */

/* What is behind the first label and its dot; false: that label is empty, or nothing is behind it. */
static bool skip_label(struct slice *name) {
    const uint8_t *dot = name->n ? memchr(name->p, '.', name->n) : NULL;
    if (!dot || dot == name->p) return false;
    *name = slice_skip(*name, (size_t)(dot - name->p) + 1);
    return name->n > 0;
}

static bool has_two_labels(struct slice name) {
    return skip_label(&name) && name.p[0] != '.' && name.p[name.n - 1] != '.';
}

static bool is_wildcard(struct slice name) { return name.n > 2 && name.p[0] == '*' && name.p[1] == '.'; }

/* RFC 9525 6.3 */
static bool dns_matches(struct slice pattern, struct slice name) {
    if (!is_wildcard(pattern)) return pattern.n && !memchr(pattern.p, '*', pattern.n) && slice_eq_nocase(pattern, name);
    pattern = slice_skip(pattern, 2);
    return has_two_labels(pattern) && !memchr(pattern.p, '*', pattern.n) && skip_label(&name) &&
           slice_eq_nocase(pattern, name);
}

bool x509_is_for(const struct x509 *x, struct slice name, struct slice address) {
    struct slice names = x->names;
    struct der e;
    while (der_take(&names, &e)) {
        if (address.n ? e.tag == IP_ADDRESS && slice_eq(e.body, address)
                      : e.tag == DNS_NAME && dns_matches(e.body, name))
            return true;
    }
    return false;
}

/* ---- constraints ---- */

/* Is `name` at or below `tree`? A tree with a dot in front has only the names below it. */
static bool is_below(struct slice tree, struct slice name) {
    if (tree.n == 0) return true;
    if (name.n < tree.n || !slice_eq_nocase(slice_skip(name, name.n - tree.n), tree)) return false;
    return tree.p[0] == '.' ? name.n > tree.n : name.n == tree.n || name.p[name.n - tree.n - 1] == '.';
}

/* May a wildcard match the name at the top of `tree`? */
static bool may_match(struct slice wildcard, struct slice tree) {
    return is_wildcard(wildcard) && skip_label(&tree) && slice_eq_nocase(slice_skip(wildcard, 2), tree);
}

/* An address and a mask, one behind the other. */
static bool is_in_network(struct slice network, struct slice address) {
    if (network.n != 2 * address.n) return false;
    for (size_t i = 0; i < address.n; i++)
        if ((address.p[i] ^ network.p[i]) & network.p[address.n + i]) return false;
    return true;
}

/* ---- names (X.501), which may be encoded in several ways ---- */

/* Are they the same but for spaces, and the case of letters? */
static bool same_letters(struct slice a, struct slice b) {
    for (;;) {
        while (a.n && a.p[0] == ' ') a = slice_skip(a, 1);
        while (b.n && b.p[0] == ' ') b = slice_skip(b, 1);
        if (!a.n || !b.n) return a.n == b.n;
        if (!slice_eq_nocase(slice_head(a, 1), slice_head(b, 1))) return false;
        a = slice_skip(a, 1);
        b = slice_skip(b, 1);
    }
}

/* UTF8String, or what is the same in less: PrintableString, IA5String, VisibleString. */
static bool is_text(const struct der *e) {
    return e->tag == 0x0C || e->tag == 0x13 || e->tag == 0x16 || e->tag == 0x1A;
}

static bool same_value(const struct der *a, const struct der *b, bool excluded) {
    if (!is_text(a) || !is_text(b)) return excluded || (a->tag == b->tag && slice_eq(a->body, b->body));
    return excluded ? same_letters(a->body, b->body) : slice_eq_nocase(a->body, b->body);
}

static bool take_attribute(struct slice *set, struct der *type, struct der *value) {
    struct der e;
    return der_take_tag(set, DER_SEQUENCE, &e) && der_take_tag(&e.body, DER_OID, type) && der_take(&e.body, value) &&
           e.body.n == 0;
}

/* Two RelativeDistinguishedNames; those of several attributes have them in an order that depends on how they are
 * written. */
static bool same_part(struct slice a, struct slice b, bool excluded) {
    struct der type_a, type_b, value_a, value_b;
    if (slice_eq(a, b)) return true;
    if (!take_attribute(&a, &type_a, &value_a) || !take_attribute(&b, &type_b, &value_b) || (a.n && b.n))
        return excluded;
    return !a.n && !b.n && slice_eq(type_a.body, type_b.body) && same_value(&value_a, &value_b, excluded);
}

/* Does a Name begin with the parts of another? In doubt it does where the tree is `excluded`. */
static bool begins_with(struct slice parts, struct slice name, bool excluded) {
    struct der a, b, x, y;
    if (!der_take_tag(&parts, DER_SEQUENCE, &a) || !der_take_tag(&name, DER_SEQUENCE, &b)) return excluded;
    while (a.body.n) {
        if (!b.body.n) return false;
        if (!der_take_tag(&a.body, DER_SET, &x) || !der_take_tag(&b.body, DER_SET, &y)) return excluded;
        if (!same_part(x.body, y.body, excluded)) return false;
    }
    return true;
}

/* ---- trees ---- */

static bool is_within(const struct der *tree, const struct der *name, bool excluded) {
    switch (name->tag) {
    case DNS_NAME: return is_below(tree->body, name->body) || (excluded && may_match(name->body, tree->body));
    case IP_ADDRESS: return is_in_network(tree->body, name->body);
    case DIRECTORY_NAME: return begins_with(tree->body, name->body, excluded);
    default: return excluded; /* of a kind that is not known: whatever it says, the name is refused */
    }
}

/* Takes the base of a GeneralSubtree; its distances must be what they are by default. False, and it stays, where it
 * cannot be read. */
static bool take_tree(struct slice *trees, struct der *base) {
    struct slice rest = *trees;
    struct der e;
    if (!der_take_tag(&rest, DER_SEQUENCE, &e) || !der_take(&e.body, base) || e.body.n) return false;
    if (base->tag == IP_ADDRESS && base->body.n != 8 && base->body.n != 32) return false;
    *trees = rest;
    return true;
}

static bool allows_name(const struct x509 *ca, const struct der *name) {
    struct slice trees = ca->excluded;
    struct der base;
    while (take_tree(&trees, &base))
        if (base.tag == name->tag && is_within(&base, name, true)) return false;
    if (trees.n) return false;
    bool concerned = false, permitted = false;
    for (trees = ca->permitted; take_tree(&trees, &base);) {
        if (base.tag != name->tag) continue;
        concerned = true;
        permitted = permitted || is_within(&base, name, false);
    }
    return trees.n == 0 && (permitted || !concerned);
}

/* An emailAddress in a subject is an address of mail as well. */
static bool has_mail(struct slice subject) {
    static const char email[] = "\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x09\x01";
    return subject.n && memmem(subject.p, subject.n, email, sizeof email - 1);
}

bool x509_allows(const struct x509 *ca, const struct x509 *x) {
    enum { EMPTY_NAME = 2 };
    if (!ca->permitted.p && !ca->excluded.p) return true;
    struct der name = {.tag = DIRECTORY_NAME, .whole = x->subject, .body = x->subject};
    if (x->subject.n > EMPTY_NAME && !allows_name(ca, &name)) return false;
    name.tag = MAIL_ADDRESS;
    if (has_mail(x->subject) && !allows_name(ca, &name)) return false;
    struct slice names = x->names;
    while (names.n)
        if (!der_take(&names, &name) || !allows_name(ca, &name)) return false;
    return true;
}
