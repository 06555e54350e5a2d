/* semtinel/format.h: files that hold networks: safetensors checkpoints, TensorFlow Lite, ONNX,
 * Keras, PyTorch, TensorFlow.
 *
 * Every reader checks what it reads: a damaged or hostile file gives an error that names the file,
 * the place and the reason. Every writer writes whole files or none.
 */
#ifndef SEMTINEL_FORMAT_H
#define SEMTINEL_FORMAT_H

#include <semtinel/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- named tensors: the safetensors container ----------------------------------------------- */

#define SMT_TENSOR_RANK 8
#define SMT_TENSOR_MAX 16384           /* tensors in a file */
#define SMT_TENSOR_HEADER_MAX 16777216 /* bytes of a file's JSON header */

typedef enum smt_dtype { SMT_DTYPE_F32, SMT_DTYPE_F16, SMT_DTYPE_BF16, SMT_DTYPE_F64 } smt_dtype;

typedef struct smt_tensor {
    char *name; /* owned; unique in the file */
    int rank;   /* 0 (scalar) .. SMT_TENSOR_RANK */
    int64_t dim[SMT_TENSOR_RANK];
    size_t count;
    smt_dtype dtype; /* as stored in the file */
    float *data;     /* owned; always float32 in memory */
} smt_tensor;

/* Tensors and text in the order in which they were added
 * (read: in the order of the file's data and keys). */
typedef struct smt_tensor_file {
    smt_tensor *tensors;
    size_t count, capacity;
    char **keys, **values; /* metadata; unique keys */
    size_t metadata_count, metadata_capacity;
    size_t ignored_count; /* integer tensors of a file that was read: checked, not kept */
} smt_tensor_file;

SMT_API smt_status smt_tensor_file_create(smt_tensor_file **out, smt_error *error);
SMT_API void smt_tensor_file_destroy(smt_tensor_file **file);
/* Copies. dtype says how it will be stored: SMT_DTYPE_F32, or SMT_DTYPE_F16 (rounded to nearest
 * even on writing; a value above 65504 is refused then). SMT_ERR_ARGUMENT: the name is taken, empty
 * or not UTF-8. */
SMT_API smt_status smt_tensor_file_add(smt_tensor_file *file,
                                       const char *name,
                                       smt_dtype dtype,
                                       int rank,
                                       const int64_t *dim,
                                       const float *data,
                                       smt_error *error);
/* Adds or replaces a metadata text; key and value are UTF-8 and copied. */
SMT_API smt_status smt_tensor_file_set(smt_tensor_file *file,
                                       const char *key,
                                       const char *value,
                                       smt_error *error);
SMT_API const smt_tensor *smt_tensor_file_find(const smt_tensor_file *file,
                                               const char *name);                      /* or NULL */
SMT_API const char *smt_tensor_file_get(const smt_tensor_file *file, const char *key); /* or NULL */

/* Hugging Face's safetensors: 8 bytes header length, JSON
 * header, raw little-endian tensors without gaps. */
SMT_API smt_status smt_safetensors_save(const smt_tensor_file *file,
                                        const char *path,
                                        smt_error *error);
SMT_API smt_status smt_safetensors_load(const char *path, smt_tensor_file **out, smt_error *error);
/* The same from memory; `name` stands in messages. */
SMT_API smt_status smt_safetensors_parse(
    const void *data, size_t size, const char *name, smt_tensor_file **out, smt_error *error);

/* ---- checkpoints ---------------------------------------------------------------------------- */

/* Saves a model that smt_mobilenetv3_small built as safetensors. Metadata: "semtinel" (format
 * version), "architecture", "classes", "preprocess", "provenance", each JSON. `extra` (or NULL):
 * further tensors, whose names begin with "state.", and metadata, for instance familiar features.
 * SMT_ERR_UNSUPPORTED for a network of another file (arch.width == 0). */
SMT_API smt_status smt_model_save(const smt_model *model,
                                  const char *path,
                                  smt_dtype dtype,
                                  const smt_tensor_file *extra,
                                  smt_error *error);
/* The metadata by which the state of a training run is known; such a file is no model. */
#define SMT_TRAINING_KEY "semtinel.training"
/* The file of a model: of a folder its model.safetensors (a training run), else its saved_model.pb.
 * *file is freed with smt_free. SMT_ERR_IO: there is none. */
SMT_API smt_status smt_model_file(const char *path, char **file, smt_error *error);
/* Reads a model (smt_model_file) from any file that smt_formats can read, by its content. */
SMT_API smt_status smt_model_load(const char *path, smt_model **out, smt_error *error);
/* Logs a line if the size of the model's input is assumed; `path` stands in it. */
SMT_API void smt_model_note_size(const smt_model *model, const char *path);
/* A model from an already loaded safetensors file (`path` stands in messages); tensors named
 * "state.*" are left alone. */
SMT_API smt_status smt_model_from_tensors(const smt_tensor_file *file,
                                          const char *path,
                                          smt_model **out,
                                          smt_error *error);

/* ---- transfer of weights -------------------------------------------------------------------- */

typedef enum smt_transfer_kind {
    SMT_TRANSFER_TAKEN,   /* copied */
    SMT_TRANSFER_SUMMED,  /* three input channels became one */
    SMT_TRANSFER_SHAPE,   /* in both, but of another shape: keeps its random start */
    SMT_TRANSFER_MISSING, /* not in the source: keeps its random start */
    SMT_TRANSFER_UNUSED   /* only in the source */
} smt_transfer_kind;

typedef struct smt_transfer_row {
    char layer[SMT_NAME_MAX]; /* node name: of the target, or of the source when UNUSED */
    smt_transfer_kind kind;
    size_t values;   /* floats */
    char detail[96]; /* "16 x 3 x 3 x 3 -> 16 x 3 x 3 x 1", "10 classes -> 9", ... or empty */
} smt_transfer_row;

typedef struct smt_transfer_report {
    smt_transfer_row *rows;
    size_t count, capacity;
    size_t taken, total; /* floats of the target: taken over (summed included), and in all */
    double difference;   /* unfold: largest |target - source| at the pooled features, in units of
                          * their root mean square, over the images given; -1: not measured */
} smt_transfer_report;

/* Copies src's weights and statistics into dst by layer name and shape. The classifier is copied
 * only when both have the same class names in the same order. SMT_ERR_UNSUPPORTED when the
 * backbones do not match (another width, another network): dst is then unchanged and the message
 * says what differs. `report` may be NULL; free it with smt_transfer_report_free. */
SMT_API smt_status smt_model_transfer(smt_model *dst,
                                      const smt_model *src,
                                      smt_transfer_report *report,
                                      smt_error *error);

/* The one to call for --init: smt_model_transfer for semtinel's own checkpoints. Of an imported
 * network it takes the backbone, whose batch norm is folded (or not) and whose input scaling may be
 * inside (AFFINE): layers are matched in order of execution by kind and shape. Input scaling is
 * converted to dst's, channels are summed, and batch norm is put back around the folded
 * weights without changing the function, with the statistics of `images`: count x h x w x channels,
 * preprocessed for dst (at least 1; some hundred training images). A matching classifier (same
 * class names) is taken too. Errors as above. */
SMT_API smt_status smt_model_init_from(smt_model *dst,
                                       const smt_model *src,
                                       const float *images,
                                       int count,
                                       smt_pool *pool,
                                       smt_transfer_report *report,
                                       smt_error *error);
SMT_API void smt_transfer_report_free(smt_transfer_report *report);
/* A table for people, several lines; freed with smt_free; NULL: no memory. */
SMT_API char *smt_transfer_report_text(const smt_transfer_report *report);

/* ---- formats -------------------------------------------------------------------------------- */

typedef struct smt_write_options {
    bool raw_input;               /* the file takes pixels 0..255; scaling is part of its graph */
    bool half;                    /* float16 weights; ignored by formats that have none */
    const smt_tensor_file *extra; /* what a .safetensors holds besides (smt_model_save), or NULL */
} smt_write_options;

/* One row per format; src/format/formats.c lists them. */
typedef struct smt_model_format {
    const char *name;     /* "tflite" */
    const char *suffixes; /* ".tflite", or several: ".h5 .hdf5" */
    const char *title;    /* "TensorFlow Lite" */
    bool weights_only;    /* no graph in the file, so smt_write_options.raw_input is refused */
    bool no_input;        /* says nothing of the input */
    bool half;            /* float16 weights can be written */
    /* True if a file that begins with these bytes (the first 512 at most) is of this format; NULL:
     * by suffix only. */
    bool (*probe)(const uint8_t *head, size_t size);
    smt_status (*read)(const char *path,
                       smt_model **out,
                       smt_error *error); /* NULL: written only */
    smt_status (*write)(const smt_model *model,
                        const char *path,
                        const smt_write_options *options,
                        smt_error *error); /* NULL: read only */
} smt_model_format;

/* What is in a model file (or a run's folder), as one JSON object: "file", "format", "bytes",
 * "crc32", "input" (and "input_size_assumed" where the file does not say it), "output",
 * "parameters" (and "float16" where a checkpoint stores them so), "macs", "layers" (name, operator,
 * output shape, type, parameters, macs, quantisation, of a .tflite its weights' type), "classes",
 * "preprocess", "architecture", "provenance", "metadata", of a checkpoint "state_values" (of its
 * tensors "state.*"), and for .tflite "arena_bytes" (of an int8 network on a Cortex-M with the DSP
 * extension, then with "places_bytes" for the plan and, where there is exported C,
 * "exported_arena_bytes"). Files of named tensors that are no model have "tensors" instead of
 * layers. *json is freed with smt_free. */
SMT_API smt_status smt_describe(const char *path, char **json, smt_error *error);

/* A static, NULL-terminated list. */
SMT_API const smt_model_format *const *smt_formats(void);
SMT_API const smt_model_format *smt_format_by_suffix(const char *path); /* or NULL */
/* By content, then by suffix; NULL and *error when nothing knows the file. */
SMT_API const smt_model_format *smt_format_of_file(const char *path, smt_error *error);

/* Writes an annotated graph of quant.h (smt_quantizer_export, smt_quantize_dynamic) as .tflite or
 * .onnx, by the suffix. float_io: float input and output in an int8 .tflite (ONNX always has them).
 * `model` gives classes, preprocessing and provenance. SMT_ERR_ARGUMENT: another suffix. */
SMT_API smt_status smt_quantized_save(const smt_graph *graph,
                                      const smt_model *model,
                                      const char *path,
                                      const smt_write_options *options,
                                      bool float_io,
                                      smt_error *error);

/* A model's provenance for readers, as indented JSON in which marks of files are counted instead of
 * listed. Released by smt_free(); NULL: no memory. */
SMT_API char *smt_provenance_text(const char *provenance);

#ifdef __cplusplus
}
#endif
#endif
