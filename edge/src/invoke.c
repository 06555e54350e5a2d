/* Starting and running: resolves pointers and calls the
 * kernels of the set, one operator after the other. */
#include "bind.h"
#include "kernels/quant.h"
#include "move.h"

static void *locate(const smt_edge_runner *runner, int32_t tensor)
{
    return runner->arena + runner->plan->places[tensor].offset;
}

static const void *data_of(const smt_edge_runner *runner, const smt_edge_tensor *tensor)
{
    return tensor->data ? tensor->data : locate(runner, tensor->index);
}

/* Points a convolution at its weights. */
static void attach_weights(const smt_edge_runner *runner, edge_call *call)
{
    call->conv.weights = data_of(runner, &call->second);
    call->conv.bias = call->has_third ? data_of(runner, &call->third) : NULL;
}

/* And at its tables, which are filled into `memory`. Returns what is left of it. */
static uint8_t *attach(const smt_edge_runner *runner, edge_call *call, uint8_t *memory)
{
    attach_weights(runner, call);
    if (call->table_bytes) {
        int32_t *multiplier = (int32_t *)(void *)memory;
        int8_t *shift = (int8_t *)(multiplier + call->conv.out_c);
        call->conv.multiplier = multiplier;
        call->conv.shift = shift;
        edge_fill_tables(call, multiplier, shift);
    }
    return memory + call->table_bytes;
}

/* ---- start ---------------------------------------------------------------------------------- */

static void prepare(const smt_edge_runner *runner, edge_call *call, uint8_t *memory)
{
    const smt_edge_kernels *kernels = runner->plan->kernels;
    if (call->is_folded) {
        kernels->dequantise(&call->in, (float *)(void *)memory);
    } else if (call->kernel) {
        if (kernels->keep_tables)
            memory = attach(runner, call, memory);
        else
            attach_weights(runner, call);
        if (call->kernel->prepare) {
            call->kernel->prepare(&call->conv, memory);
            call->conv.prepared = memory;
        }
    } else if (call->table_bytes && kernels->keep_tables) {
        smt_map map;
        edge_bind_map(call, &map);
        smt_build_map(&map, (int8_t *)memory);
    }
}

smt_edge_status smt_edge_start(const smt_edge_plan *plan,
                               void *arena,
                               size_t arena_bytes,
                               smt_edge_runner *runner,
                               smt_edge_error *error)
{
    if (!plan || !arena || !runner || ((uintptr_t)arena & (SMT_EDGE_ARENA_ALIGNMENT - 1)))
        return edge_fail(error,
                         SMT_EDGE_ERR_ARGUMENT,
                         "a NULL argument or an arena not aligned to %u bytes",
                         SMT_EDGE_ARENA_ALIGNMENT);
    if (arena_bytes < plan->arena_bytes)
        return edge_fail(error,
                         SMT_EDGE_ERR_MEMORY,
                         "the arena needs %u bytes, there are %u",
                         plan->arena_bytes,
                         (uint32_t)arena_bytes);
    runner->plan = plan;
    runner->arena = arena;
    runner->prepared = runner->arena + plan->activation_bytes;
    if (plan->prepared_bytes == 0)
        return SMT_EDGE_OK;
    const smt_edge_kernels *kernels = plan->kernels;
    uint32_t at = 0;
    edge_call local, *calls = NULL;
    if (kernels->keep_tables) {
        calls = (edge_call *)(void *)runner->prepared;
        at = (uint32_t)(((size_t)plan->model->operator_count * sizeof(edge_call) + 63) &
                        ~(size_t)63);
    }
    for (int32_t i = 0; i < plan->model->operator_count; i++) {
        edge_call *call = calls ? &calls[i] : &local;
        edge_bind(plan->model, kernels, i, call);
        uint32_t bytes = (uint32_t)edge_prepared_bytes(kernels, call);
        prepare(runner, call, runner->prepared + at);
        at += bytes;
    }
    return SMT_EDGE_OK;
}

void *smt_edge_input(const smt_edge_runner *runner, int32_t i)
{
    const smt_edge_model *model = runner->plan->model;
    return i >= 0 && i < model->input_count ? locate(runner, model->inputs[i]) : NULL;
}

const void *smt_edge_output(const smt_edge_runner *runner, int32_t i)
{
    const smt_edge_model *model = runner->plan->model;
    return i >= 0 && i < model->output_count ? locate(runner, model->outputs[i]) : NULL;
}

/* ---- invoke --------------------------------------------------------------------------------- */

static void flip_top_bits(uint8_t *bytes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        bytes[i] ^= 128u;
}

/* uint8 goes through the int8 table: a uint8 value with
 * its top bit flipped is the int8 of the same meaning. */
static void run_map(const smt_edge_kernels *kernels,
                    const edge_call *call,
                    int8_t *table,
                    const void *in,
                    void *out)
{
    if (!kernels->keep_tables) {
        smt_map map;
        edge_bind_map(call, &map);
        smt_build_map(&map, table);
    }
    if (call->in.type == SMT_EDGE_U8) {
        edge_move(out, in, call->out.bytes);
        flip_top_bits(out, call->out.bytes);
        in = out;
    }
    kernels->map_s8(table, in, out, call->out.elements);
    if (call->out.type == SMT_EDGE_U8)
        flip_top_bits(out, call->out.bytes);
}

static void run_concatenation(const smt_edge_runner *runner, const edge_call *call, void *out)
{
    int32_t before = 0;
    for (int32_t i = 0; i < call->op.input_count; i++) {
        smt_edge_tensor in;
        smt_edge_get_tensor(runner->plan->model, call->op.inputs[i], &in);
        edge_concatenate(call, &in, data_of(runner, &in), before, out);
        before += in.shape[call->op.axis];
    }
}

/* Runs one operator. `tables` and `scratch`: its requantisation or function tables, and the
 * kernel's own memory. */
static void run(const smt_edge_runner *runner, edge_call *call, uint8_t *tables, uint8_t *scratch)
{
    const smt_edge_kernels *k = runner->plan->kernels;
    const void *in = data_of(runner, &call->in);
    const void *second = call->has_second ? data_of(runner, &call->second) : NULL;
    void *out = locate(runner, call->out.index);
    bool f32 = call->in.type == SMT_EDGE_F32;
    union {
        smt_arithmetic arithmetic;
        smt_mean mean;
        smt_pool pool;
        smt_softmax softmax;
    } p;
    switch (call->op.code) {
    case SMT_EDGE_CONV_2D:
    case SMT_EDGE_FULLY_CONNECTED:
    case SMT_EDGE_DEPTHWISE_CONV_2D:
        call->kernel->run(&call->conv, in, out, scratch);
        break;
    case SMT_EDGE_ADD:
    case SMT_EDGE_SUB:
    case SMT_EDGE_MUL:
        edge_bind_arithmetic(call, &p.arithmetic);
        if (f32)
            k->arithmetic_f32(&p.arithmetic, in, second, out);
        else
            k->arithmetic_s8(&p.arithmetic, in, second, out);
        break;
    case SMT_EDGE_MEAN:
        edge_bind_mean(call, &p.mean);
        if (f32)
            k->mean_f32(&p.mean, in, out);
        else
            k->mean_s8(&p.mean, in, out);
        break;
    case SMT_EDGE_AVERAGE_POOL_2D:
    case SMT_EDGE_MAX_POOL_2D:
        edge_bind_pool(call, &p.pool);
        if (f32)
            k->pool_f32(&p.pool, in, out);
        else
            k->pool_s8(&p.pool, in, out);
        break;
    case SMT_EDGE_SOFTMAX:
        edge_bind_softmax(call, &p.softmax);
        if (f32)
            k->softmax_f32(&p.softmax, in, out);
        else
            k->softmax_s8(&p.softmax, in, out);
        break;
    case SMT_EDGE_HARD_SWISH:
    case SMT_EDGE_RELU:
    case SMT_EDGE_RELU6:
    case SMT_EDGE_LOGISTIC:
        if (f32)
            k->unary_f32(call->op.code, in, out, call->out.elements);
        else
            run_map(k, call, (int8_t *)tables, in, out);
        break;
    case SMT_EDGE_QUANTIZE:
        if (f32)
            k->quantise_f32(call->out.scales[0],
                            call->out.zero_point,
                            call->out.type == SMT_EDGE_U8,
                            in,
                            out,
                            call->out.elements);
        else
            run_map(k, call, (int8_t *)tables, in, out);
        break;
    case SMT_EDGE_DEQUANTIZE: {
        smt_edge_tensor from = call->in;
        from.data = in;
        k->dequantise(&from, out);
        break;
    }
    case SMT_EDGE_PAD:
        edge_pad(call, in, out);
        break;
    case SMT_EDGE_RESHAPE:
        edge_move(out, in, call->out.bytes);
        break;
    case SMT_EDGE_CONCATENATION:
        run_concatenation(runner, call, out);
        break;
    }
}

/* The convolutions of a product, held until it comes. */
typedef struct factors {
    const smt_conv_kernel *kernel;
    const void *in;
    smt_conv conv[2];
    int32_t tensor[2], count;
} factors;

static void hold(const smt_edge_runner *runner, const edge_call *call, factors *f)
{
    f->kernel = call->kernel;
    f->in = data_of(runner, &call->in);
    f->conv[f->count] = call->conv;
    f->tensor[f->count++] = call->out.index;
}

static void
run_product(const smt_edge_runner *runner, const edge_call *call, factors *f, uint8_t *scratch)
{
    int32_t second = call->in.index == f->tensor[0];
    smt_arithmetic mul;
    edge_bind_arithmetic(call, &mul);
    smt_product p = {&f->conv[1 - second], &f->conv[second], &mul};
    smt_product_s8(f->kernel,
                   runner->plan->kernels->arithmetic_s8,
                   &p,
                   f->in,
                   locate(runner, call->out.index),
                   scratch);
    f->count = 0;
}

void smt_edge_invoke(const smt_edge_runner *runner, smt_edge_trace trace, void *context)
{
    const smt_edge_plan *plan = runner->plan;
    const smt_edge_kernels *kernels = plan->kernels;
    factors held;
    held.count = 0;
    edge_call local, *calls = kernels->keep_tables ? (edge_call *)(void *)runner->prepared : NULL;
    uint32_t at = calls
                      ? (uint32_t)(((size_t)plan->model->operator_count * sizeof(edge_call) + 63) &
                                   ~(size_t)63)
                      : 0;
    for (int32_t i = 0; i < plan->model->operator_count; i++) {
        edge_call *call = calls ? &calls[i] : &local;
        if (!calls)
            edge_bind(plan->model, kernels, i, call);
        bool is_factor = plan->places[call->out.index].first == SMT_EDGE_FACTOR;
        if (!call->is_folded) {
            uint8_t *scratch = runner->arena + plan->scratch_at[i],
                    *prepared = runner->prepared + at;
            uint8_t *tables = calls ? prepared : scratch;
            if (!calls && call->kernel) {
                scratch = attach(runner, call, scratch);
                call->conv.prepared = prepared;
            }
            if (is_factor) { /* alone for a trace only, in the product's scratch memory */
                hold(runner, call, &held);
                scratch = runner->arena + plan->scratch_at[i + 3 - held.count];
            }
            if (held.count == 2 && !is_factor)
                run_product(runner, call, &held, scratch);
            else if (!is_factor || trace)
                run(runner, call, tables, scratch);
        }
        if (trace)
            trace(context, &call->op, &call->out, locate(runner, call->out.index));
        at += plan->prepared_bytes ? (uint32_t)edge_prepared_bytes(kernels, call) : 0;
    }
}
