/* The arena's plan.
 *
 * Each computed tensor lives from the operator that writes it to the last one that reads it, the
 * scratch memory of an operator while this runs.
 * Largest first, each takes the lowest offset where it meets nothing that lives at the same time.
 * One exception saves most of the memory: the input and the output of an operator meet only while
 * it runs, and most kernels walk forward through both. If the input is not needed afterwards, the
 * two may overlap as long as the input starts `lead` bytes after the output, so that writing never
 * overtakes reading (kernels.h). An element-wise operator has lead 0 and runs in place. The idea is
 * Google's "overlapping buffers" for depthwise convolutions, and vMCU's for pointwise ones.
 *
 * A product of two convolutions of one input is planned as one operator (factors.c).
 */
#include "bind.h"

#define UNPLACED 0x80000000u /* in an offset, beside the bytes that have no place yet */

typedef struct planner {
    const smt_edge_model *model;
    const smt_edge_kernels *kernels;
    smt_edge_place *places;
    uint32_t *scratch_at;
    uint64_t end; /* bytes of the arena in use */
    int32_t peak;
} planner;

/* What needs a place. */
typedef struct item {
    int32_t tensor; /* -1: scratch memory */
    int32_t first, last;
    uint64_t bytes;
} item;

size_t smt_edge_places_bytes(const smt_edge_model *model)
{
    return (size_t)model->tensor_count * sizeof(smt_edge_place) +
           (size_t)model->operator_count * sizeof(uint32_t);
}

static uint32_t bytes_of(const smt_edge_model *model, int32_t tensor)
{
    smt_edge_tensor t;
    smt_edge_get_tensor(model, tensor, &t);
    return edge_align(t.bytes);
}

static void find_lifetimes(planner *p)
{
    const smt_edge_model *model = p->model;
    for (int32_t i = 0; i < model->tensor_count; i++)
        p->places[i] = (smt_edge_place){UINT32_MAX, -2, -2};
    for (int32_t i = 0; i < model->input_count; i++)
        p->places[model->inputs[i]] = (smt_edge_place){0, -1, -1};
    for (int32_t i = 0; i < model->operator_count; i++) {
        smt_edge_operator op;
        smt_edge_get_operator(model, i, &op);
        for (int32_t j = 0; j < op.input_count; j++)
            if (op.inputs[j] >= 0)
                p->places[op.inputs[j]].last = (int16_t)i;
        p->places[op.outputs[0]] = (smt_edge_place){0, (int16_t)i, (int16_t)i};
    }
    for (int32_t i = 0; i < model->output_count; i++)
        p->places[model->outputs[i]].last = (int16_t)model->operator_count;
}

/* The scratch memory of a bound operator: a product's is that of its factors, which have none. For
 * a product `call` is then bound to a factor: one fewer on the stack. */
static uint64_t scratch_bytes(const planner *p, edge_call *call)
{
    if (p->places[call->out.index].first == SMT_EDGE_FACTOR)
        return 0;
    if (p->places[call->op.inputs[0]].first != SMT_EDGE_FACTOR)
        return edge_scratch_bytes(p->kernels, call);
    edge_bind(p->model, p->kernels, call->op.index - 1, call);
    return edge_product_bytes(p->kernels, call);
}

/* The lead when `in` and `out` may share memory: `out` is written by the operator that reads `in`
 * for the last time. */
static uint32_t lead_of(const planner *p, int32_t in, int32_t out)
{
    edge_call call;
    int32_t op = p->places[out].first;
    if (op < 0 || p->places[in].last != op)
        return SMT_NO_OVERLAP;
    edge_bind(p->model, p->kernels, op, &call);
    uint32_t lead = edge_lead(&call, in);
    return lead > INT32_MAX / 2 ? SMT_NO_OVERLAP : edge_align(lead);
}

/* The lowest offset from `offset` on where item a does not collide with tensor `other`, which has a
 * place. */
static uint64_t avoid(const planner *p, const item *a, uint64_t offset, int32_t other)
{
    const smt_edge_place *b = &p->places[other];
    int32_t t = a->tensor;
    if (a->last < b->first || b->last < a->first)
        return offset;
    uint64_t begin = b->offset, end = begin + bytes_of(p->model, other);
    if (offset + a->bytes <= begin || offset >= end)
        return offset;
    uint32_t lead;
    if (t >= 0 && a->first == b->last &&
        (lead = lead_of(p, other, t)) != SMT_NO_OVERLAP) /* t is the output */
        return offset + lead <= begin ? offset : end;
    if (t >= 0 && b->first == a->last &&
        (lead = lead_of(p, t, other)) != SMT_NO_OVERLAP) /* t is the input */
        return offset >= begin + lead ? offset : begin + lead < end ? begin + lead : end;
    return end;
}

/* The same for the scratch memory of operator `op`, if it has a place. */
static uint64_t avoid_scratch(const planner *p, const item *a, uint64_t offset, int32_t op)
{
    uint64_t begin = p->scratch_at[op];
    if ((begin & UNPLACED) || offset + a->bytes <= begin)
        return offset;
    edge_call call;
    edge_bind(p->model, p->kernels, op, &call);
    uint64_t end = begin + scratch_bytes(p, &call);
    return offset < end ? end : offset;
}

/* The lowest offset where item a meets nothing that has a place. */
static uint32_t place(planner *p, const item *a)
{
    uint64_t offset = 0, before;
    do {
        before = offset;
        for (int32_t i = 0; i < p->model->tensor_count; i++)
            if (p->places[i].first >= -1 && !(p->places[i].offset & UNPLACED))
                offset = avoid(p, a, offset, i);
        for (int32_t i = a->first < 0 ? 0 : a->first; i <= a->last && i < p->model->operator_count;
             i++)
            offset = avoid_scratch(p, a, offset, i);
    } while (offset != before && offset < UNPLACED);
    if (offset + a->bytes > p->end) {
        p->end = offset + a->bytes;
        p->peak = a->first < 0 ? 0 : a->first;
    }
    return (uint32_t)(offset < UNPLACED ? offset : UNPLACED - 1);
}

/* Places the largest item that has no place yet. False: all have. */
static bool place_largest(planner *p)
{
    uint32_t most = UNPLACED - 1;
    int32_t tensor = -1, op = -1;
    for (int32_t i = 0; i < p->model->operator_count; i++)
        if (p->scratch_at[i] > most)
            most = p->scratch_at[op = i];
    for (int32_t i = 0; i < p->model->tensor_count; i++)
        if (p->places[i].first >= -1 && p->places[i].offset > most)
            most = p->places[tensor = i].offset;
    if (most < UNPLACED)
        return false;
    uint32_t *at = tensor < 0 ? &p->scratch_at[op] : &p->places[tensor].offset;
    item a = {tensor, op, op, most & ~UNPLACED};
    if (tensor >= 0) {
        a.first = p->places[tensor].first;
        a.last = p->places[tensor].last;
    }
    *at = place(p, &a);
    return true;
}

/* A product's scratch memory begins with the tables of its two factors; they are shown to a trace
 * in the product's own place. */
static void place_factors(planner *p)
{
    for (int32_t i = 2; i < p->model->operator_count; i++) {
        smt_edge_operator op;
        edge_call factor;
        smt_edge_get_operator(p->model, i, &op);
        if (p->places[op.inputs[0]].first != SMT_EDGE_FACTOR)
            continue;
        edge_bind(p->model, p->kernels, i - 1, &factor);
        uint32_t tables = p->kernels->keep_tables ? 0 : factor.table_bytes;
        p->scratch_at[i - 2] = p->scratch_at[i];
        p->scratch_at[i - 1] = p->scratch_at[i] + tables;
        p->scratch_at[i] += 2 * tables;
        for (int j = 0; j < 2; j++)
            p->places[op.inputs[j]].offset = p->places[op.outputs[0]].offset;
    }
}

/* Checks the kernels, sums what they prepare, and takes folded constants out of the tensors to be
 * placed: these keep their offset into the prepared memory, with first = last = -2. */
static smt_edge_status
survey(planner *p, uint64_t *prepared, uint32_t *scratch, smt_edge_error *error)
{
    *prepared =
        p->kernels->keep_tables ? (uint64_t)p->model->operator_count * sizeof(edge_call) : 0;
    *prepared = (*prepared + 63) & ~(uint64_t)63;
    *scratch = 0;
    for (int32_t i = 0; i < p->model->operator_count; i++) {
        edge_call call;
        edge_bind(p->model, p->kernels, i, &call);
        if (!edge_is_supported(p->kernels, &call))
            return edge_fail(error,
                             SMT_EDGE_ERR_UNSUPPORTED,
                             "operator %o of type %s is not among the %s kernels; they take fully "
                             "quantised files ('semtinel quantize --scheme int8')",
                             i,
                             call.op.code,
                             smt_edge_type_name((int32_t)call.in.type),
                             p->kernels->name);
        smt_edge_place *out = &p->places[call.op.outputs[0]];
        if (call.is_folded)
            *out = (smt_edge_place){(uint32_t)*prepared, -2, -2};
        *prepared += edge_prepared_bytes(p->kernels, &call);
        const int32_t code = (int32_t)call.op.code;
        uint64_t bytes = scratch_bytes(p, &call);
        if (bytes > *scratch)
            *scratch = bytes > INT32_MAX ? INT32_MAX : (uint32_t)bytes;
        p->scratch_at[i] = (uint32_t)bytes | UNPLACED;
        if (*prepared > INT32_MAX || bytes > INT32_MAX)
            return edge_fail(
                error, SMT_EDGE_ERR_LIMIT, "operator %o needs more than 2 GiB", i, code);
    }
    return SMT_EDGE_OK;
}

smt_edge_status smt_edge_make_plan(const smt_edge_model *model,
                                   const smt_edge_kernels *kernels,
                                   void *places,
                                   size_t places_bytes,
                                   smt_edge_plan *plan,
                                   smt_edge_error *error)
{
    if (!model || !kernels || !plan || !places || ((uintptr_t)places & 3u))
        return edge_fail(
            error, SMT_EDGE_ERR_ARGUMENT, "a NULL argument or places not aligned to 4 bytes");
    if (places_bytes < smt_edge_places_bytes(model))
        return edge_fail(error,
                         SMT_EDGE_ERR_MEMORY,
                         "the places need %u bytes, there are %u",
                         (uint32_t)smt_edge_places_bytes(model),
                         (uint32_t)places_bytes);
    planner p = {.model = model, .kernels = kernels, .places = places};
    p.scratch_at = (uint32_t *)(void *)(p.places + model->tensor_count);
    uint64_t prepared;
    uint32_t scratch;
    find_lifetimes(&p);
    edge_find_products(model, kernels, places);
    smt_edge_status status = survey(&p, &prepared, &scratch, error);
    if (status)
        return status;
    for (int32_t i = 0; i < model->tensor_count; i++)
        if (p.places[i].first >= -1)
            p.places[i].offset = bytes_of(model, i) | UNPLACED;
    while (place_largest(&p))
        ;
    place_factors(&p);
    uint64_t behind = prepared ? (p.end + 63) & ~(uint64_t)63 : p.end;
    if (behind + prepared > INT32_MAX)
        return edge_fail(error, SMT_EDGE_ERR_LIMIT, "the arena would need more than 2 GiB");
    for (int32_t i = 0; i < model->tensor_count; i++)
        if (p.places[i].first == -2 && p.places[i].offset != UINT32_MAX)
            p.places[i].offset += (uint32_t)behind;
    *plan = (smt_edge_plan){
        .model = model, .kernels = kernels, .places = p.places, .scratch_at = p.scratch_at};
    plan->arena_bytes = (uint32_t)(behind + prepared);
    plan->activation_bytes = (uint32_t)behind;
    plan->prepared_bytes = (uint32_t)prepared;
    plan->scratch_bytes = scratch;
    plan->peak_operator = p.peak;
    return SMT_EDGE_OK;
}
