/* Finds the skeletons of rows. `skeletons.py` says what a skeleton is and what it is good for.

   Every text that is read ends in a line break. No token contains one, so nothing is read beyond it. */

#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

typedef unsigned char byte;

enum { NO_SKELETON = 0, MOST_KINDS = 254, BLANK_LINE = 255 };  /* what `kinds` says of a row, or a number */
enum { MOST_LEVELS = 64, MOST_NAMES = 256, MOST_IDS = 64, LONGEST_WORD = 32, LONGEST_ID = 64, LONGEST_NUMBER = 64 };
enum { LONGEST_SKELETON = 1 << 14, LONGEST_ARGUMENTS = 1 << 16, SLOTS = 512 };

enum use { TEXT, WORD, ID, ARGUMENTS, HIDDEN };  /* the order of `USES` in skeletons.py */

struct rules {
    const uint32_t *blanks;  /* ranges of characters that show nothing, in ascending order */
    int64_t blank_ranges;
    const byte *signs;  /* each after its length, and a 0 at the end */
    const byte *names;  /* each after its use and its length, and a use of 255 at the end */
    int64_t longest_line;  /* a longer one has no skeleton */
};

struct slice {
    const byte *start;
    int64_t size;
};

struct text {
    struct slice raw;  /* between the quotes */
    int escaped, shows;
};

struct scan {
    const struct rules *rules;
    const byte *at, *end;
    byte *out, *full;
    int levels, silent, names, ids;
    struct slice name[MOST_NAMES], id[MOST_IDS];
    byte *arguments;  /* room to unescape them, or NULL within arguments */
};

static int value(struct scan *s, enum use use);

static int same(struct slice a, struct slice b) {
    return a.size == b.size && *a.start == *b.start && memcmp(a.start, b.start, a.size) == 0;
}

static int put(struct scan *s, const void *text, int64_t size) {
    if (s->silent) return 1;
    if (s->full - s->out < size) return 0;
    memcpy(s->out, text, size);
    s->out += size;
    return 1;
}

static void space(struct scan *s) {
    while (*s->at == ' ' || *s->at == '\t' || *s->at == '\r') s->at++;
}

/* Characters: each function returns the size of the character at `p`, or 0 if the row needs a closer look. */

static int utf8(const byte *p, const byte *end, uint32_t *c) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    int size = *p < 0xc0 ? 0 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : *p < 0xf8 ? 4 : 0;
    if (!size || end - p < size) return 0;
    *c = *p & (0x7f >> size);
    for (int i = 1; i < size; i++) {
        if ((p[i] & 0xc0) != 0x80) return 0;
        *c = *c << 6 | (p[i] & 0x3f);
    }
    if (*c < least[size] || *c > 0x10ffff || (*c >= 0xd800 && *c < 0xe000)) return 0;
    return size;
}

static int hex(const byte *p, uint32_t *c) {
    *c = 0;
    for (int i = 0; i < 4; i++) {
        byte low = p[i] | 0x20;
        if (p[i] >= '0' && p[i] <= '9') *c = *c << 4 | (p[i] - '0');
        else if (low >= 'a' && low <= 'f') *c = *c << 4 | (low - 'a' + 10);
        else return 0;
    }
    return 1;
}

static int escape(const byte *p, uint32_t *c) {
    uint32_t low;
    switch (p[1]) {
    case '"': case '\\': case '/': *c = p[1]; return 2;
    case 'b': *c = '\b'; return 2;
    case 'f': *c = '\f'; return 2;
    case 'n': *c = '\n'; return 2;
    case 'r': *c = '\r'; return 2;
    case 't': *c = '\t'; return 2;
    case 'u': break;
    default: return 0;
    }
    if (!hex(p + 2, c) || *c == 0 || (*c >= 0xdc00 && *c < 0xe000)) return 0;
    if (*c >= ' ' && *c < 0x7f && *c != '&' && *c != '\'') return 0;  /* it may hide a sign */
    if (*c < 0xd800 || *c >= 0xe000) return 6;
    if (p[6] != '\\' || p[7] != 'u' || !hex(p + 8, &low) || low < 0xdc00 || low >= 0xe000) return 0;
    *c = 0x10000 + ((*c - 0xd800) << 10) + (low - 0xdc00);
    return 12;
}

static int is_blank(const struct rules *rules, uint32_t c) {
    for (int64_t i = 0; i < rules->blank_ranges && rules->blanks[2 * i] <= c; i++)
        if (c <= rules->blanks[2 * i + 1]) return 1;
    return 0;
}

/* Return whether a sign begins at `p` with `<`, or another sign ends there. */
static int is_sign(const struct rules *rules, const byte *start, const byte *p, const byte *end) {
    for (const byte *sign = rules->signs; *sign; sign += *sign + 1) {
        const byte *text = sign + 1;
        if (*text == '<' ? *p == '<' && end - p >= *sign && memcmp(p, text, *sign) == 0
                         : *p == sign[*sign] && p - start >= *sign - 1 && memcmp(p - *sign + 1, text, *sign) == 0)
            return 1;
    }
    return 0;
}

/* Return the first place from `p` on that is not a visible or blank ASCII character which means itself. */
static const byte *run(const byte *p, const byte *end) {
#ifdef __SSE2__
    for (; end - p >= 16; p += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)p);
        __m128i odd = _mm_cmplt_epi8(v, _mm_set1_epi8(' '));  /* signed: UTF-8, too */
        for (int i = 0; i < 5; i++) odd = _mm_or_si128(odd, _mm_cmpeq_epi8(v, _mm_set1_epi8("\"\\<>]"[i])));
        int mask = _mm_movemask_epi8(odd);
        if (mask) return p + __builtin_ctz(mask);
    }
#endif
    while (*p >= ' ' && *p < 0x80 && *p != '"' && *p != '\\' && *p != '<' && *p != '>' && *p != ']') p++;
    return p;
}

/* Pass a string. */
static int string(struct scan *s, struct text *t) {
    const byte *start = s->at + 1, *p = start;
    if (*s->at != '"') return 0;
    t->escaped = t->shows = 0;
    for (;;) {
        uint32_t c;
        int size;
        const byte *stop = run(p, s->end);
        for (; p < stop && !t->shows; p++) t->shows = !is_blank(s->rules, *p);
        p = stop;
        switch (*p) {
        case '"':
            t->raw = (struct slice){start, p - start};
            s->at = p + 1;
            return 1;
        case '\\':
            t->escaped = 1;
            size = escape(p, &c);
            break;
        case '<': case '>': case ']':
            c = *p;
            size = !is_sign(s->rules, start, p, s->end);
            break;
        default:
            size = utf8(p, s->end, &c);
        }
        if (!size) return 0;
        if (!t->shows) t->shows = !is_blank(s->rules, c);
        p += size;
    }
}

/* Arguments of a tool call: JSON in a string. */
static int arguments(struct scan *s, struct slice raw) {
    byte *to = s->arguments;
    if (!to || raw.size >= LONGEST_ARGUMENTS) return 0;
    for (const byte *p = raw.start, *end = p + raw.size; p < end;) {
        if (*p != '\\') {
            *to++ = *p++;
            continue;
        }
        uint32_t c;
        p += escape(p, &c);
        if (c == '\n') c = '\t';  /* like a line break, it may be between tokens and not inside one */
        if (c < 0x80) *to++ = c;
        else if (c < 0x800) *to++ = 0xc0 | c >> 6, *to++ = 0x80 | (c & 0x3f);
        else if (c < 0x10000) *to++ = 0xe0 | c >> 12, *to++ = 0x80 | (c >> 6 & 0x3f), *to++ = 0x80 | (c & 0x3f);
        else {
            *to++ = 0xf0 | c >> 18, *to++ = 0x80 | (c >> 12 & 0x3f);
            *to++ = 0x80 | (c >> 6 & 0x3f), *to++ = 0x80 | (c & 0x3f);
        }
    }
    *to = '\n';
    struct scan inner = {.rules = s->rules, .at = s->arguments, .end = to + 1, .silent = 1};
    space(&inner);
    if (*inner.at != '{' || !value(&inner, HIDDEN)) return 0;
    space(&inner);
    return inner.at == to;
}

static int is_identifier(struct slice raw) {
    if (raw.size > LONGEST_ID) return 0;
    for (int64_t i = 0; i < raw.size; i++) {
        byte c = raw.start[i], low = c | 0x20;
        if (!((low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-')) return 0;
    }
    return 1;
}

static int id(struct scan *s, struct text *t) {
    int i = 0;
    if (t->escaped || !t->shows) return 0;
    while (i < s->ids && !same(s->id[i], t->raw)) i++;
    if (i == MOST_IDS) return 0;
    if (i == s->ids) s->id[s->ids++] = t->raw;
    byte code[] = {'"', is_identifier(t->raw) ? '#' : '~', '0' + i, '"'};
    return put(s, code, 4);
}

static int text(struct scan *s, enum use use) {
    struct text t;
    const byte *start = s->at;
    if (!string(s, &t)) return 0;
    if (s->silent) return 1;
    if (use == WORD) return !t.escaped && t.raw.size <= LONGEST_WORD && put(s, start, s->at - start);
    if (use == ID && t.raw.size) return id(s, &t);
    if (use == ARGUMENTS) return arguments(s, t.raw) && put(s, "\"{}\"", 4);
    return t.shows ? put(s, "\"t\"", 3) : t.raw.size ? put(s, "\" \"", 3) : put(s, "\"\"", 2);
}

static const byte *digits(const byte *p, int *zero) {
    for (; *p >= '0' && *p <= '9'; p++) *zero &= *p == '0';
    return p;
}

static int number(struct scan *s, enum use use) {
    int zero = 1, ignored = 0;
    const byte *start = s->at, *p = start + (*start == '-'), *next = digits(p, &zero);
    if (next == p || (*p == '0' && next > p + 1)) return 0;
    p = next;
    if (*p == '.') {
        next = digits(++p, &zero);
        if (next == p) return 0;
        p = next;
    }
    if (*p == 'e' || *p == 'E') {
        p += 1 + (p[1] == '+' || p[1] == '-');
        next = digits(p, &ignored);
        if (next == p || next > p + 2) return 0;
        p = next;
    }
    s->at = p;
    if (p - start > LONGEST_NUMBER) return 0;  /* as a double, a longer one may be 0 or infinite */
    return use == WORD ? put(s, start, p - start) : put(s, zero ? "0" : "1", 1);
}

static int word(struct scan *s, const char *expected) {
    int64_t size = strlen(expected);
    for (int64_t i = 0; i < size; i++)
        if (s->at[i] != (byte)expected[i]) return 0;
    s->at += size;
    return put(s, expected, size);
}

static enum use use_of(const struct rules *rules, struct slice name) {
    for (const byte *each = rules->names; *each != 255; each += each[1] + 2)
        if (each[1] == name.size && each[2] == *name.start && memcmp(each + 2, name.start, name.size) == 0) return *each;
    return TEXT;
}

static int member(struct scan *s, int first) {
    struct text name;
    space(s);
    if (s->names == MOST_NAMES || !string(s, &name) || name.escaped) return 0;
    for (int i = first; i < s->names; i++)
        if (same(s->name[i], name.raw)) return 0;
    s->name[s->names++] = name.raw;
    space(s);
    if (*s->at++ != ':') return s->at--, 0;
    return put(s, name.raw.start - 1, name.raw.size + 2) && put(s, ":", 1)
        && value(s, use_of(s->rules, name.raw));
}

/* Pass an object or a list. */
static int items(struct scan *s, byte open, byte close) {
    int first = s->names;
    if (s->levels++ == MOST_LEVELS || !put(s, &open, 1)) return 0;
    s->at++;
    space(s);
    if (*s->at == close) s->at++;
    else for (;;) {
        if (!(open == '{' ? member(s, first) : value(s, TEXT))) return 0;
        space(s);
        byte next = *s->at;
        if (next != ',' && next != close) return 0;
        s->at++;
        if (next == close) break;
        if (!put(s, ",", 1)) return 0;
    }
    s->names = first;
    s->levels--;
    return put(s, &close, 1);
}

static int hidden(struct scan *s, byte open, byte close) {
    const byte *start = s->at;
    int before = s->silent;
    s->silent = 1;
    if (!items(s, open, close)) return 0;
    s->silent = before;
    byte code[] = {open, '.', close};
    return start[1] == close ? put(s, start, 2) : put(s, code, 3);
}

static int value(struct scan *s, enum use use) {
    space(s);
    switch (*s->at) {
    case '{': return use >= ARGUMENTS ? hidden(s, '{', '}') : items(s, '{', '}');
    case '[': return use >= ARGUMENTS ? hidden(s, '[', ']') : items(s, '[', ']');
    case '"': return text(s, use);
    case 't': return word(s, "true");
    case 'f': return word(s, "false");
    case 'n': return word(s, "null");
    default: return number(s, use);
    }
}

static uint64_t mix(uint64_t a, uint64_t b) {
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

enum { BLOCK = 64 };
static const uint64_t one = 0x9e3779b97f4a7c15, other = 0xd1b54a32d192ed03;

static void add(uint64_t *sums, const byte *block) {
    uint64_t words[BLOCK / 8];
    memcpy(words, block, BLOCK);
    for (int i = 0; i < 4; i++) sums[i] = mix(words[2 * i] ^ one, words[2 * i + 1] ^ sums[i]);
}

/* A digest of 64 bits, to find equal rows. It is not cryptographic. */
static uint64_t digest(const byte *p, int64_t size) {
    uint64_t seed = mix(size ^ one, other), sums[] = {seed, seed, seed, seed};
    byte tail[BLOCK] = {0};
    for (; size >= BLOCK; p += BLOCK, size -= BLOCK) add(sums, p);
    if (size > 0) add(sums, memcpy(tail, p, size));
    return mix(mix(sums[0] ^ one, sums[1]) ^ other, mix(sums[2] ^ one, sums[3]));
}

/* Fill in a digest and a kind for each of the first `lines` lines of `data`, which ends in a line break.
   Rows with the same skeleton have the same kind. Write the skeletons of the kinds 1, 2, ... to `found`,
   each with a line break, and return their size. */
int64_t skeletons(const struct rules *rules, const byte *data, int64_t size, int64_t lines,
                  uint64_t *digests, byte *kinds, byte *found, int64_t room) {
    struct { uint64_t digest; struct slice text; byte kind; } slots[SLOTS] = {{0}};
    static _Thread_local byte unescaped[LONGEST_ARGUMENTS + 1];
    const byte *end = data + size;
    byte *out = found;
    int known = 0;
    struct scan s = {.rules = rules, .arguments = unescaped};
    for (const byte *line = data, *next; line < end && lines-- > 0; line = next, digests++, kinds++) {
        next = (const byte *)memchr(line, '\n', end - line) + 1;
        const byte *stop = next - 1;
        while (stop > line && (stop[-1] == ' ' || stop[-1] == '\t' || stop[-1] == '\r')) stop--;
        s.at = line, s.end = next, s.out = out;
        s.full = found + room - 1 - out > LONGEST_SKELETON ? out + LONGEST_SKELETON : found + room - 1;
        s.levels = s.silent = s.names = s.ids = 0;
        space(&s);
        *kinds = s.at >= stop ? BLANK_LINE : NO_SKELETON;
        if (*kinds == BLANK_LINE) continue;
        *digests = digest(s.at, stop - s.at);
        if (next - line > rules->longest_line + 1 || !value(&s, TEXT) || s.at != stop) continue;
        struct slice text = {out, s.out - out};
        uint64_t sum = digest(text.start, text.size);
        int slot = sum % SLOTS;
        while (slots[slot].kind && !(slots[slot].digest == sum && same(slots[slot].text, text)))
            slot = (slot + 1) % SLOTS;
        if (!slots[slot].kind) {
            if (known == MOST_KINDS) continue;
            slots[slot].digest = sum, slots[slot].text = text, slots[slot].kind = ++known;
            *s.out = '\n';
            out = s.out + 1;
        }
        *kinds = slots[slot].kind;
    }
    return out - found;
}
