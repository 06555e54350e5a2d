/* The pickle machine of Python (protocols 2 to 5), reduced to what torch.save writes for a
 * dictionary of tensors.
 *
 * Values live in one array and refer to each other by index; containers are filled
 * only after they are made, so the value graph can be walked without recursion
 * here. Every opcode that could name or call something is checked against the
 * allow-list below. Opcode numbers and meanings: Python's Lib/pickletools.py.
 */
#include "format/pickle.h"

#include <stdio.h>
#include <string.h>

#define MAX_VALUES (1u << 20)
#define MAX_STACK 65536u

static const struct {
    const char *module, *name;
} globals[] = {
    [GLOBAL_ORDERED_DICT] = {"collections", "OrderedDict"},
    [GLOBAL_REBUILD_TENSOR] = {"torch._utils", "_rebuild_tensor_v2"},
    [GLOBAL_REBUILD_PARAMETER] = {"torch._utils", "_rebuild_parameter"},
    [GLOBAL_FLOAT] = {"torch", "FloatStorage"},
    [GLOBAL_DOUBLE] = {"torch", "DoubleStorage"},
    [GLOBAL_HALF] = {"torch", "HalfStorage"},
    [GLOBAL_BFLOAT16] = {"torch", "BFloat16Storage"},
    [GLOBAL_LONG] = {"torch", "LongStorage"},
    [GLOBAL_INT] = {"torch", "IntStorage"},
    [GLOBAL_BOOL] = {"torch", "BoolStorage"},
    [GLOBAL_BYTE] = {"torch", "ByteStorage"},
};

typedef struct machine {
    const char *name;
    const uint8_t *data, *at, *end;
    pickle out;
    uint32_t *stack, depth;
    uint32_t *memo; /* value index + 1 */
    uint32_t memo_capacity, memo_next;
    smt_error *error;
} machine;

static smt_status fail(machine *m, smt_status status, const char *format, ...) SMT_PRINTF(3, 4);
static smt_status fail(machine *m, smt_status status, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return smt_fail(m->error,
                    status,
                    "%s: byte %zu of its pickle: %s",
                    m->name,
                    (size_t)(m->at - m->data),
                    text);
}

static smt_status damaged(machine *m)
{
    return fail(m, SMT_ERR_FORMAT, "cut or damaged");
}

static smt_status make(machine *m, pickle_kind kind, uint32_t *index)
{
    pickle *p = &m->out;
    if (p->count == MAX_VALUES) {
        return fail(m, SMT_ERR_LIMIT, "more than %u values", MAX_VALUES);
    }
    if (p->count == p->capacity) {
        uint32_t larger = p->capacity ? 2 * p->capacity : 256;
        pickle_value *fresh = smt_realloc(p->values, p->count, larger, sizeof *fresh);
        if (!fresh) {
            return fail(m, SMT_ERR_MEMORY, "out of memory");
        }
        p->values = fresh;
        p->capacity = larger;
    }
    p->values[p->count].kind = kind;
    *index = p->count++;
    return SMT_OK;
}

static smt_status link_child(machine *m, uint32_t parent, uint32_t child)
{
    pickle_value *v = &m->out.values[parent];
    if (v->count == v->capacity) {
        uint32_t larger = v->capacity ? 2 * v->capacity : 4;
        uint32_t *fresh = smt_realloc(v->links, v->count, larger, sizeof *fresh);
        if (!fresh) {
            return fail(m, SMT_ERR_MEMORY, "out of memory");
        }
        v->links = fresh;
        v->capacity = larger;
    }
    v->links[v->count++] = child;
    return SMT_OK;
}

static smt_status push(machine *m, uint32_t index)
{
    if (m->depth == MAX_STACK) {
        return fail(m, SMT_ERR_LIMIT, "stack deeper than %u", MAX_STACK);
    }
    m->stack[m->depth++] = index;
    return SMT_OK;
}

static smt_status push_new(machine *m, pickle_kind kind)
{
    uint32_t index = 0;
    smt_status status = make(m, kind, &index);
    return status ? status : push(m, index);
}

static pickle_value *top(machine *m)
{
    return &m->out.values[m->stack[m->depth - 1]];
}

static smt_status pop(machine *m, uint32_t *index)
{
    if (m->depth == 0 || m->out.values[m->stack[m->depth - 1]].kind == PICKLE_MARK) {
        return damaged(m);
    }
    *index = m->stack[--m->depth];
    return SMT_OK;
}

/* The stack position just after the last mark. */
static smt_status find_mark(machine *m, uint32_t *position)
{
    for (uint32_t i = m->depth; i > 0; i--) {
        if (m->out.values[m->stack[i - 1]].kind == PICKLE_MARK) {
            *position = i;
            return SMT_OK;
        }
    }
    return damaged(m);
}

/* Items above the last mark become children of `parent`; the mark goes too. */
static smt_status collect(machine *m, uint32_t parent, uint32_t from)
{
    for (uint32_t i = from; i < m->depth; i++) {
        smt_status status = link_child(m, parent, m->stack[i]);
        if (status) {
            return status;
        }
    }
    m->depth = from - 1;
    return SMT_OK;
}

static smt_status take(machine *m, size_t count, const uint8_t **bytes)
{
    if ((size_t)(m->end - m->at) < count) {
        return damaged(m);
    }
    *bytes = m->at;
    m->at += count;
    return SMT_OK;
}

static uint64_t little_endian(const uint8_t *bytes, size_t count)
{
    uint64_t value = 0;
    for (size_t i = 0; i < count; i++) {
        value |= (uint64_t)bytes[i] << (8 * i);
    }
    return value;
}

static smt_status push_text(machine *m, size_t length_bytes)
{
    const uint8_t *bytes = NULL;
    smt_status status = take(m, length_bytes, &bytes);
    uint64_t length = status ? 0 : little_endian(bytes, length_bytes);
    status = status ? status : length > (uint64_t)(m->end - m->at) ? damaged(m) : SMT_OK;
    status = status ? status : take(m, (size_t)length, &bytes);
    status = status ? status : push_new(m, PICKLE_TEXT);
    if (status == SMT_OK) {
        top(m)->text = (const char *)bytes;
        top(m)->length = (size_t)length;
    }
    return status;
}

/* Signed little-endian integer of `count` bytes, or of a length byte before it. */
static smt_status push_integer(machine *m, size_t count, bool is_signed)
{
    const uint8_t *bytes = NULL;
    smt_status status = take(m, count, &bytes);
    if (status) {
        return status;
    }
    uint64_t raw = little_endian(bytes, count);
    if (is_signed && count && count < 8 && bytes[count - 1] & 128) {
        raw |= ~(uint64_t)0 << (8 * count);
    }
    status = push_new(m, PICKLE_INT);
    if (status == SMT_OK) {
        memcpy(&top(m)->integer, &raw, sizeof raw);
    }
    return status;
}

static smt_status push_real(machine *m)
{
    const uint8_t *bytes = NULL;
    smt_status status = take(m, 8, &bytes);
    if (status) {
        return status;
    }
    uint64_t raw = 0;
    for (int i = 0; i < 8; i++) {
        raw = raw << 8 | bytes[i];
    }
    status = push_new(m, PICKLE_REAL);
    if (status == SMT_OK) {
        memcpy(&top(m)->real, &raw, sizeof raw);
    }
    return status;
}

static smt_status
push_global(machine *m, const char *module, size_t module_length, const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof globals / sizeof *globals; i++) {
        if (strlen(globals[i].module) == module_length &&
            memcmp(globals[i].module, module, module_length) == 0 &&
            strlen(globals[i].name) == length && memcmp(globals[i].name, name, length) == 0) {
            smt_status status = push_new(m, PICKLE_GLOBAL);
            if (status == SMT_OK) {
                top(m)->integer = (int64_t)i;
            }
            return status;
        }
    }
    return fail(m,
                SMT_ERR_UNSUPPORTED,
                "wants to load '%.*s.%.*s', which is not in the list of harmless names; save the "
                "state_dict() alone: torch.save(model.state_dict(), FILE)",
                (int)(module_length < 64 ? module_length : 64),
                module,
                (int)(length < 64 ? length : 64),
                name);
}

static smt_status read_global(machine *m)
{
    const uint8_t *parts[2];
    size_t lengths[2];
    for (int i = 0; i < 2; i++) {
        parts[i] = m->at;
        while (m->at < m->end && *m->at != '\n') {
            m->at++;
        }
        if (m->at == m->end) {
            return damaged(m);
        }
        lengths[i] = (size_t)(m->at++ - parts[i]);
    }
    return push_global(m, (const char *)parts[0], lengths[0], (const char *)parts[1], lengths[1]);
}

static smt_status stack_global(machine *m)
{
    uint32_t name = 0, module = 0;
    smt_status status = pop(m, &name);
    status = status ? status : pop(m, &module);
    if (status) {
        return status;
    }
    const pickle_value *n = &m->out.values[name], *o = &m->out.values[module];
    if (n->kind != PICKLE_TEXT || o->kind != PICKLE_TEXT) {
        return damaged(m);
    }
    return push_global(m, o->text, o->length, n->text, n->length);
}

static const pickle_value *
child(const machine *m, const pickle_value *v, uint32_t i, pickle_kind kind)
{
    const pickle_value *c = i < v->count ? &m->out.values[v->links[i]] : NULL;
    return c && c->kind == kind ? c : NULL;
}

/* ('storage', TYPE, key, location, elements). */
static smt_status persistent(machine *m)
{
    uint32_t index = 0;
    smt_status status = pop(m, &index);
    if (status) {
        return status;
    }
    const pickle_value *tuple = &m->out.values[index];
    const pickle_value *tag = child(m, tuple, 0, PICKLE_TEXT),
                       *type = child(m, tuple, 1, PICKLE_GLOBAL);
    const pickle_value *key = child(m, tuple, 2, PICKLE_TEXT),
                       *count = child(m, tuple, 4, PICKLE_INT);
    if (tuple->kind != PICKLE_TUPLE || !tag || tag->length != 7 ||
        memcmp(tag->text, "storage", 7) || !type || type->integer < GLOBAL_FLOAT || !key ||
        !count || count->integer < 0) {
        return damaged(m);
    }
    pickle_value storage = {.kind = PICKLE_STORAGE,
                            .integer = type->integer,
                            .text = key->text,
                            .length = key->length,
                            .real = (double)count->integer};
    status = make(m, PICKLE_STORAGE, &index);
    if (status == SMT_OK) {
        m->out.values[index] = storage;
        status = push(m, index);
    }
    return status;
}

static smt_status reduce(machine *m)
{
    uint32_t arguments = 0, function = 0, made = 0;
    smt_status status = pop(m, &arguments);
    status = status ? status : pop(m, &function);
    if (status) {
        return status;
    }
    const pickle_value *args = &m->out.values[arguments], *f = &m->out.values[function];
    if (f->kind != PICKLE_GLOBAL || args->kind != PICKLE_TUPLE) {
        return damaged(m);
    }
    switch (f->integer) {
    case GLOBAL_ORDERED_DICT:
        return args->count ? damaged(m) : push_new(m, PICKLE_DICT);
    case GLOBAL_REBUILD_PARAMETER:
        return child(m, args, 0, PICKLE_TENSOR) ? push(m, args->links[0]) : damaged(m);
    case GLOBAL_REBUILD_TENSOR: {
        const pickle_value *offset = child(m, args, 1, PICKLE_INT);
        if (!child(m, args, 0, PICKLE_STORAGE) || !offset || !child(m, args, 2, PICKLE_TUPLE) ||
            !child(m, args, 3, PICKLE_TUPLE)) {
            return damaged(m);
        }
        int64_t start = offset->integer;
        uint32_t parts[3] = {args->links[0], args->links[2], args->links[3]};
        status = make(m, PICKLE_TENSOR, &made);
        for (int i = 0; i < 3 && status == SMT_OK; i++) {
            status = link_child(m, made, parts[i]);
        }
        if (status == SMT_OK) {
            m->out.values[made].integer = start;
            status = push(m, made);
        }
        return status;
    }
    default:
        return fail(
            m, SMT_ERR_UNSUPPORTED, "calls %s, which is not allowed", globals[f->integer].name);
    }
}

/* Adds the items above the mark (or the top `pairs` ones) to the container below. */
static smt_status set_items(machine *m, pickle_kind kind, bool marked, uint32_t plain)
{
    uint32_t from = 0;
    if (marked) {
        smt_status status = find_mark(m, &from);
        if (status) {
            return status;
        }
        if (from < 2) {
            return damaged(m);
        }
    } else {
        if (m->depth < plain + 1) {
            return damaged(m);
        }
        from = m->depth - plain;
    }
    uint32_t parent = m->stack[marked ? from - 2 : from - 1];
    if (m->out.values[parent].kind != kind || (kind == PICKLE_DICT && (m->depth - from) % 2)) {
        return damaged(m);
    }
    for (uint32_t i = from; i < m->depth; i++) {
        smt_status status = link_child(m, parent, m->stack[i]);
        if (status) {
            return status;
        }
    }
    m->depth = marked ? from - 1 : from;
    return SMT_OK;
}

static smt_status put(machine *m, uint64_t slot)
{
    if (m->depth == 0 || slot >= MAX_VALUES) {
        return damaged(m);
    }
    if (slot >= m->memo_capacity) {
        uint32_t larger = m->memo_capacity ? m->memo_capacity : 256;
        while (larger <= slot) {
            larger *= 2;
        }
        uint32_t *fresh = smt_realloc(m->memo, m->memo_capacity, larger, sizeof *fresh);
        if (!fresh) {
            return fail(m, SMT_ERR_MEMORY, "out of memory");
        }
        m->memo = fresh;
        m->memo_capacity = larger;
    }
    m->memo[slot] = m->stack[m->depth - 1] + 1;
    return SMT_OK;
}

static smt_status get(machine *m, uint64_t slot)
{
    if (slot >= m->memo_capacity || !m->memo[slot]) {
        return damaged(m);
    }
    return push(m, m->memo[slot] - 1);
}

/* A slot number of `count` bytes, to put or get. */
static smt_status memo(machine *m, size_t count, bool store)
{
    const uint8_t *bytes = NULL;
    smt_status status = take(m, count, &bytes);
    if (status) {
        return status;
    }
    uint64_t slot = little_endian(bytes, count);
    return store ? put(m, slot) : get(m, slot);
}

static smt_status tuple_of(machine *m, uint32_t count)
{
    uint32_t made = 0;
    if (m->depth < count) {
        return damaged(m);
    }
    smt_status status = make(m, PICKLE_TUPLE, &made);
    for (uint32_t i = 0; i < count && status == SMT_OK; i++) {
        status = link_child(m, made, m->stack[m->depth - count + i]);
    }
    if (status == SMT_OK) {
        m->depth -= count;
        status = push(m, made);
    }
    return status;
}

static smt_status marked_tuple(machine *m, pickle_kind kind)
{
    uint32_t from = 0, made = 0;
    smt_status status = find_mark(m, &from);
    status = status ? status : make(m, kind, &made);
    status = status ? status : collect(m, made, from);
    return status ? status : push(m, made);
}

static smt_status step(machine *m, bool *stop)
{
    const uint8_t *bytes = NULL;
    uint32_t index = 0;
    smt_status status = take(m, 1, &bytes);
    if (status) {
        return status;
    }
    switch (*bytes) {
    case 0x80: /* PROTO */
        return take(m, 1, &bytes);
    case 0x95: /* FRAME */
        return take(m, 8, &bytes);
    case '.': /* STOP */
        status = pop(m, &m->out.root);
        *stop = true;
        return status;
    case '(':
        return push_new(m, PICKLE_MARK);
    case 'N':
        return push_new(m, PICKLE_NONE);
    case 0x88: /* NEWTRUE */
    case 0x89: /* NEWFALSE */
        status = push_new(m, PICKLE_INT);
        if (status == SMT_OK) {
            top(m)->integer = m->at[-1] == 0x88;
        }
        return status;
    case 'J':
        return push_integer(m, 4, true);
    case 'K':
        return push_integer(m, 1, false);
    case 'M':
        return push_integer(m, 2, false);
    case 0x8a: /* LONG1 */
        status = take(m, 1, &bytes);
        return status ? status : *bytes > 8 ? damaged(m) : push_integer(m, *bytes, true);
    case 'G':
        return push_real(m);
    case 'X':
        return push_text(m, 4);
    case 0x8c: /* SHORT_BINUNICODE */
        return push_text(m, 1);
    case ')':
        return push_new(m, PICKLE_TUPLE);
    case ']':
        return push_new(m, PICKLE_LIST);
    case '}':
        return push_new(m, PICKLE_DICT);
    case 't':
        return marked_tuple(m, PICKLE_TUPLE);
    case 0x85: /* TUPLE1 .. TUPLE3 */
    case 0x86:
    case 0x87:
        return tuple_of(m, (uint32_t)(*bytes - 0x84));
    case 'c':
        return read_global(m);
    case 0x93:
        return stack_global(m);
    case 'Q':
        return persistent(m);
    case 'R':
        return reduce(m);
    case 's':
        return set_items(m, PICKLE_DICT, false, 2);
    case 'u':
        return set_items(m, PICKLE_DICT, true, 0);
    case 'a':
        return set_items(m, PICKLE_LIST, false, 1);
    case 'e':
        return set_items(m, PICKLE_LIST, true, 0);
    case 'b': /* BUILD: an OrderedDict's attributes (_metadata); dropped */
        return pop(m, &index);
    case 'q':
        return memo(m, 1, true);
    case 'r':
        return memo(m, 4, true);
    case 'h':
        return memo(m, 1, false);
    case 'j':
        return memo(m, 4, false);
    case 0x94: /* MEMOIZE */
        return put(m, m->memo_next++);
    default:
        m->at--;
        return fail(m,
                    SMT_ERR_UNSUPPORTED,
                    "opcode 0x%02x is not in the list of harmless ones; save the state_dict() "
                    "alone: torch.save(model.state_dict(), FILE)",
                    *bytes);
    }
}

smt_status
pickle_parse(const char *name, const void *data, size_t size, pickle *out, smt_error *error)
{
    machine m = {.name = name, .data = data, .error = error};
    m.at = m.data;
    m.end = m.data + size;
    smt_status status = SMT_OK;
    m.stack = smt_alloc(MAX_STACK, sizeof *m.stack);
    if (!m.stack) {
        status = fail(&m, SMT_ERR_MEMORY, "out of memory");
    }
    bool stop = false;
    while (status == SMT_OK && !stop) {
        status = step(&m, &stop);
    }
    smt_free(m.stack);
    smt_free(m.memo);
    if (status) {
        pickle_free(&m.out);
        return status;
    }
    *out = m.out;
    return SMT_OK;
}

void pickle_free(pickle *parsed)
{
    for (uint32_t i = 0; i < parsed->count; i++) {
        smt_free(parsed->values[i].links);
    }
    smt_free(parsed->values);
    *parsed = (pickle){0};
}
