/* edge.h: runs .tflite networks anywhere: freestanding C99, no allocation, no globals, no stdio, no
 * libm.
 *
 * The caller owns all memory. The file is read in place (const, from flash or a mapped file). It,
 * the model, the plan with its places and the arena stay where they are as long as the runner is
 * used, which points to them. Four steps:
 *
 *     smt_edge_open()   checks the whole file once and fills a smt_edge_model (some 80 bytes)
 *     smt_edge_make_plan() lays out the arena and tells its size before anything runs
 *     smt_edge_start()  takes the arena
 *     smt_edge_invoke() runs the network once; inputs and outputs are in the arena
 *
 *     static smt_edge_model model;
 *     static smt_edge_plan plan;
 *     static smt_edge_runner runner;
 *     static uint32_t places[1024];
 *     static uint8_t arena[ARENA_BYTES] __attribute__((aligned(16)));
 *     if (smt_edge_open(file, file_bytes, &model, &error) ||
 *         smt_edge_make_plan(&model, kernels, places, sizeof places, &plan, &error) ||
 *         smt_edge_start(&plan, arena, sizeof arena, &runner, &error))
 *         report(error.message);
 *     fill(smt_edge_input(&runner, 0));
 *     smt_edge_invoke(&runner, NULL, NULL);
 *     use(smt_edge_output(&runner, 0));
 *
 * kernels: smt_edge_kernels_dsp() on a Cortex-M, smt_edge_kernels_best() on a desk. `semtinel info`
 * says how many bytes an int8 file wants of places and arena on a Cortex-M.
 *
 * Little-endian targets of 32 or 64 bits. All functions are reentrant; a runner is used by one
 * thread at a time, a model and a plan by any number.
 *
 * int8 arithmetic is that of TensorFlow Lite Micro's
 * reference kernels, bit for bit (double rounding).
 */
#ifndef SEMTINEL_EDGE_H
#define SEMTINEL_EDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__BYTE_ORDER__) && defined(__ORDER_LITTLE_ENDIAN__) &&                                 \
    __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "a .tflite file is read in place: its numbers are little-endian"
#endif

/* With -fpack-struct, or under a #pragma pack that another header left open, words would lie where
 * instructions for pairs of them fault, and a program would see other structs than the runtime. */
typedef struct smt_edge_layout {
    char byte;
    int32_t word;
} smt_edge_layout;
typedef char smt_edge_structs_must_not_be_packed[sizeof(smt_edge_layout) == 8 ? 1 : -1];

#if defined(__GNUC__) && !defined(__arm__)
#define SMT_EDGE_API __attribute__((visibility("default")))
#else
#define SMT_EDGE_API
#endif

#define SMT_EDGE_RANK 4              /* dimensions of a tensor at most */
#define SMT_EDGE_MAX_TENSORS 8192    /* in a model */
#define SMT_EDGE_MAX_OPERATORS 2048  /* in a model */
#define SMT_EDGE_MAX_INPUTS 256      /* of an operator */
#define SMT_EDGE_ARENA_ALIGNMENT 16u /* of the arena and of every tensor in it */

/* ---- errors -------------------------------------------------------------------------------- */

typedef enum smt_edge_status {
    SMT_EDGE_OK = 0,
    SMT_EDGE_ERR_ARGUMENT,    /* a NULL or misaligned pointer */
    SMT_EDGE_ERR_FORMAT,      /* the file is damaged or is no .tflite */
    SMT_EDGE_ERR_UNSUPPORTED, /* the file is valid, but uses something that is not done here */
    SMT_EDGE_ERR_LIMIT,       /* a count or a size above the documented limits */
    SMT_EDGE_ERR_MEMORY       /* a buffer of the caller is too small; the message gives the bytes */
} smt_edge_status;

typedef struct smt_edge_error {
    smt_edge_status status;
    char message[192]; /* one line, NUL-terminated: what, where (operator or tensor index), why */
} smt_edge_error;

/* ---- the file ------------------------------------------------------------------------------ */

/* An opened model. The counts and the two index lists may be read; the rest is private. */
typedef struct smt_edge_model {
    const uint8_t *data; /* the caller's file */
    uint32_t size;
    int32_t tensor_count, operator_count, input_count, output_count, metadata_count;
    const int32_t *inputs, *outputs; /* tensor indices, into the file */
    uint32_t tensors_at, operators_at, codes_at, buffers_at, metadata_at, description_at;
    int32_t code_count, buffer_count;
} smt_edge_model;

/* Element types, with TensorFlow Lite's numbers. */
typedef enum smt_edge_type {
    SMT_EDGE_F32 = 0,
    SMT_EDGE_F16 = 1, /* constants only, through DEQUANTIZE */
    SMT_EDGE_S32 = 2,
    SMT_EDGE_U8 = 3,  /* inputs and outputs only, through QUANTIZE */
    SMT_EDGE_S64 = 4, /* constants only */
    SMT_EDGE_S8 = 9
} smt_edge_type;

/* Operators, with TensorFlow Lite's numbers. */
typedef enum smt_edge_code {
    SMT_EDGE_ADD = 0,
    SMT_EDGE_AVERAGE_POOL_2D = 1,
    SMT_EDGE_CONCATENATION = 2,
    SMT_EDGE_CONV_2D = 3,
    SMT_EDGE_DEPTHWISE_CONV_2D = 4,
    SMT_EDGE_DEQUANTIZE = 6,
    SMT_EDGE_FULLY_CONNECTED = 9,
    SMT_EDGE_LOGISTIC = 14,
    SMT_EDGE_MAX_POOL_2D = 17,
    SMT_EDGE_MUL = 18,
    SMT_EDGE_RELU = 19,
    SMT_EDGE_RELU6 = 21,
    SMT_EDGE_RESHAPE = 22,
    SMT_EDGE_SOFTMAX = 25,
    SMT_EDGE_PAD = 34,
    SMT_EDGE_MEAN = 40,
    SMT_EDGE_SUB = 41,
    SMT_EDGE_QUANTIZE = 114,
    SMT_EDGE_HARD_SWISH = 117
} smt_edge_code;

typedef enum smt_edge_padding { SMT_EDGE_SAME = 0, SMT_EDGE_VALID = 1 } smt_edge_padding;

typedef enum smt_edge_activation {
    SMT_EDGE_NO_ACTIVATION = 0,
    SMT_EDGE_ACT_RELU = 1, /* max(x, 0) */
    SMT_EDGE_ACT_RELU_N1_TO_1 = 2,
    SMT_EDGE_ACT_RELU6 = 3 /* min(max(x, 0), 6) */
} smt_edge_activation;

/* A tensor as the file describes it. All pointers go into the file. */
typedef struct smt_edge_tensor {
    int32_t index;
    smt_edge_type type;
    int32_t rank;                 /* 0 (scalar) .. SMT_EDGE_RANK */
    int32_t shape[SMT_EDGE_RANK]; /* each >= 1; entries from `rank` on are 1 */
    uint32_t elements, bytes;
    const void *
        data; /* a constant's bytes, aligned to its element; NULL: computed when the network runs */
    const char *name; /* not NUL-terminated */
    uint32_t name_length;
    /* Affine quantisation, real = scale[c] * (q - zero_point), c the coordinate along `axis`.
     * scale_count: 0 (none), 1 (per tensor) or shape[axis]. Scales are finite and > 0. Per-channel
     * zero points are 0. */
    int32_t scale_count;
    const float *scales;
    int32_t zero_point; /* within the type's range */
    int32_t axis;       /* meaningful when scale_count > 1 */
} smt_edge_tensor;

/* An operator as the file describes it; fields that its code
 * does not use are 0 (dilation, depth_multiplier: 1). */
typedef struct smt_edge_operator {
    int32_t index;
    smt_edge_code code;
    int32_t version;
    int32_t input_count, output_count;
    const int32_t *inputs; /* tensor indices; -1: an optional input that is absent (the bias) */
    const int32_t *outputs;
    smt_edge_padding padding;
    smt_edge_activation activation;
    int32_t stride_h, stride_w, dilation_h, dilation_w;
    int32_t filter_h, filter_w; /* pooling window */
    int32_t depth_multiplier;   /* DEPTHWISE_CONV_2D: output / input channels; 0: not said */
    int32_t axis;               /* CONCATENATION: 0 .. rank - 1 */
    bool keep_dims;             /* MEAN */
    float beta;                 /* SOFTMAX */
} smt_edge_operator;

/* A named blob of the file (smt_* and others' metadata). Pointers go into the file. */
typedef struct smt_edge_metadata {
    const char *name; /* not NUL-terminated */
    uint32_t name_length;
    const uint8_t *data;
    uint32_t size;
} smt_edge_metadata;

/* Checks every offset, count, shape, axis and quantisation value of the file and fills *model.
 * The values of weights and biases are not checked: any are run. `data` is 4-byte aligned (16 is
 * better) and stays owned by the caller. `error` may be NULL; it is filled on failure only. Nothing
 * is written but *model and *error. */
SMT_EDGE_API smt_edge_status smt_edge_open(const void *data,
                                           size_t size,
                                           smt_edge_model *model,
                                           smt_edge_error *error);

/* The same for walking only: the shapes of computed tensors are not checked, as converters leave
 * them unset in files of a dynamic batch. Such a model must not be planned or run. */
SMT_EDGE_API smt_edge_status smt_edge_open_to_walk(const void *data,
                                                   size_t size,
                                                   smt_edge_model *model,
                                                   smt_edge_error *error);

/* How a host walks an opened model: 0 <= index < the model's count. These read the file in place.
 * False: no such index. */
SMT_EDGE_API bool
smt_edge_get_tensor(const smt_edge_model *model, int32_t index, smt_edge_tensor *tensor);
SMT_EDGE_API bool
smt_edge_get_operator(const smt_edge_model *model, int32_t index, smt_edge_operator *op);
SMT_EDGE_API bool
smt_edge_get_metadata(const smt_edge_model *model, int32_t index, smt_edge_metadata *metadata);
/* The model's description text (not NUL-terminated), or NULL with *length 0. */
SMT_EDGE_API const char *smt_edge_description(const smt_edge_model *model, uint32_t *length);

SMT_EDGE_API const char *smt_edge_code_name(int32_t code);     /* "CONV_2D"; "unknown" */
SMT_EDGE_API const char *smt_edge_type_name(int32_t type);     /* "int8"; "unknown" */
SMT_EDGE_API uint32_t smt_edge_type_bytes(smt_edge_type type); /* 0: not one of the above */
/* Zeros before the first row or column under `padding`; out: size of the result on that axis. */
SMT_EDGE_API int32_t smt_edge_pad_before(smt_edge_padding padding,
                                         int32_t in,
                                         int32_t filter,
                                         int32_t stride,
                                         int32_t dilation,
                                         int32_t *out);

/* ---- kernels ------------------------------------------------------------------------------- */

/* A set of kernels (edge/kernels/kernels.h). All sets give the same int8 results, bit for bit. Sets
 * are const data: a program links only those that it names. */
typedef struct smt_edge_kernels smt_edge_kernels;

SMT_EDGE_API const smt_edge_kernels *
smt_edge_kernels_reference(void); /* portable C, every operator and type */
SMT_EDGE_API const smt_edge_kernels *
smt_edge_kernels_best(void); /* the fastest that this processor runs */
/* One of the sets for a processor; NULL: this one lacks the instructions. */
SMT_EDGE_API const smt_edge_kernels *smt_edge_kernels_avx2(void);
SMT_EDGE_API const smt_edge_kernels *smt_edge_kernels_avx512(void);
SMT_EDGE_API const smt_edge_kernels *smt_edge_kernels_neon(void);
/* Cortex-M with the DSP extension; fully quantised files only (the reference kernels run the
 * others). Defined where the compiler targets one. */
const smt_edge_kernels *smt_edge_kernels_dsp(void);
SMT_EDGE_API const char *smt_edge_kernels_name(const smt_edge_kernels *kernels);

/* The int8 results of an element-wise operator (HARD_SWISH, LOGISTIC, RELU, RELU6, QUANTIZE) for
 * all 256 inputs, at table[q + 128]: for programs that simulate a network before it is written.
 * Scales are finite and > 0. */
SMT_EDGE_API void smt_edge_element_table(smt_edge_code code,
                                         float in_scale,
                                         int32_t in_zero,
                                         float out_scale,
                                         int32_t out_zero,
                                         int8_t table[256]);

/* ---- plan ---------------------------------------------------------------------------------- */

/* Where a tensor lives in the arena, and from which to which operator it is needed. */
typedef struct smt_edge_place {
    uint32_t offset; /* UINT32_MAX: not in the arena (a constant, or unused) */
    int16_t first;   /* operator that writes it; -1: an input of the network; SMT_EDGE_FACTOR */
    int16_t last;    /* last operator that reads it; operator_count: an output of the network */
} smt_edge_place;

/* As `first`: the result of an int8 convolution that only a product reads, which follows at once.
 * The product computes it in passing, so it has no memory of its own; its offset is the product's.
 * smt_edge_invoke() computes it whole for a trace only, and the product then computes it again. */
#define SMT_EDGE_FACTOR (-3)

typedef struct smt_edge_plan {
    const smt_edge_model *model;
    const smt_edge_kernels *kernels;
    smt_edge_place *places;    /* tensor_count of them, in the caller's memory */
    uint32_t *scratch_at;      /* operator_count offsets into the arena, behind the places */
    uint32_t arena_bytes;      /* what smt_edge_start() wants: the next two and alignment */
    uint32_t activation_bytes; /* tensors and scratch memory */
    uint32_t prepared_bytes;   /* constants that the kernel set prepares once; 0 for int8 on a
                                  microcontroller */
    uint32_t scratch_bytes;    /* of it, the largest scratch of one operator, for information */
    int32_t peak_operator;     /* the operator whose tensors reach the end of the arena */
} smt_edge_plan;

/* Bytes of memory for the places of a plan: 8 a tensor and 4 an operator. */
SMT_EDGE_API size_t smt_edge_places_bytes(const smt_edge_model *model);

/* Places every tensor. Element-wise operators write over their input, depthwise and pointwise
 * convolutions into the input's memory as far as the kernels have read it; a product of two
 * convolutions of one input (the split hard-swish of int8 files) is computed without holding either
 * of them. places: aligned to 4 bytes, at least smt_edge_places_bytes(), kept by the caller as long
 * as the plan. Errors: SMT_EDGE_ERR_ARGUMENT; SMT_EDGE_ERR_MEMORY: places are too small;
 * SMT_EDGE_ERR_UNSUPPORTED: an operator or type that `kernels` lacks; SMT_EDGE_ERR_LIMIT: an arena
 * above 2 GiB. */
SMT_EDGE_API smt_edge_status smt_edge_make_plan(const smt_edge_model *model,
                                                const smt_edge_kernels *kernels,
                                                void *places,
                                                size_t places_bytes,
                                                smt_edge_plan *plan,
                                                smt_edge_error *error);

/* ---- run ----------------------------------------------------------------------------------- */

typedef struct smt_edge_runner {
    const smt_edge_plan *plan;
    uint8_t *arena;    /* tensor t is at arena + plan->places[t].offset */
    uint8_t *prepared; /* behind them */
} smt_edge_runner;

/* Called after each operator; `data` is its output (op->outputs[0]), valid until the call returns.
 * Results are the same with and without a trace, times are not where there are factors
 * (SMT_EDGE_FACTOR): a product's time holds that of its two convolutions. */
typedef void (*smt_edge_trace)(void *context,
                               const smt_edge_operator *op,
                               const smt_edge_tensor *output,
                               const void *data);

/* Takes `arena` (aligned to SMT_EDGE_ARENA_ALIGNMENT, at least plan->arena_bytes) and prepares
 * constants. Nothing outside the arena is written, here or by smt_edge_invoke().
 * SMT_EDGE_ERR_ARGUMENT: NULL or misaligned; SMT_EDGE_ERR_MEMORY: the arena is too small. */
SMT_EDGE_API smt_edge_status smt_edge_start(const smt_edge_plan *plan,
                                            void *arena,
                                            size_t arena_bytes,
                                            smt_edge_runner *runner,
                                            smt_edge_error *error);

/* The memory of the network's i-th input or output, NHWC, plan's tensor type. An input's memory is
 * used again by later operators: fill it before every smt_edge_invoke(). NULL: no such index. */
SMT_EDGE_API void *smt_edge_input(const smt_edge_runner *runner, int32_t i);
SMT_EDGE_API const void *smt_edge_output(const smt_edge_runner *runner, int32_t i);

/* Runs the network once; cannot fail. `trace` may be NULL. */
SMT_EDGE_API void
smt_edge_invoke(const smt_edge_runner *runner, smt_edge_trace trace, void *context);

#ifdef __cplusplus
}
#endif
#endif
