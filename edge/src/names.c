#include "edge.h"

/* One string instead of an array of pointers: half the flash, no relocations. */
static const char names[] =
    "ADD\0AVERAGE_POOL_2D\0CONCATENATION\0CONV_2D\0DEPTHWISE_CONV_2D\0DEPTH_TO_SPACE\0DEQUANTIZE\0"
    "EMBEDDING_LOOKUP\0FLOOR\0FULLY_CONNECTED\0HASHTABLE_LOOKUP\0L2_NORMALIZATION\0L2_POOL_2D\0"
    "LOCAL_RESPONSE_NORMALIZATION\0LOGISTIC\0LSH_PROJECTION\0LSTM\0MAX_POOL_2D\0MUL\0RELU\0"
    "RELU_N1_TO_1\0RELU6\0RESHAPE\0RESIZE_BILINEAR\0RNN\0SOFTMAX\0SPACE_TO_DEPTH\0SVDF\0TANH\0"
    "CONCAT_EMBEDDINGS\0SKIP_GRAM\0CALL\0CUSTOM\0EMBEDDING_LOOKUP_SPARSE\0PAD\0"
    "UNIDIRECTIONAL_SEQUENCE_RNN\0GATHER\0BATCH_TO_SPACE_ND\0SPACE_TO_BATCH_"
    "ND\0TRANSPOSE\0MEAN\0SUB\0"
    "DIV\0SQUEEZE\0UNIDIRECTIONAL_SEQUENCE_LSTM\0STRIDED_SLICE\0BIDIRECTIONAL_SEQUENCE_RNN\0EXP\0"
    "TOPK_V2\0SPLIT\0LOG_SOFTMAX\0DELEGATE\0BIDIRECTIONAL_SEQUENCE_LSTM\0CAST\0PRELU\0MAXIMUM\0ARG_"
    "MAX\0"
    "MINIMUM\0LESS\0NEG\0PADV2\0GREATER\0GREATER_EQUAL\0LESS_EQUAL\0SELECT\0SLICE\0SIN\0TRANSPOSE_"
    "CONV\0"
    "SPARSE_TO_DENSE\0TILE\0EXPAND_DIMS\0EQUAL\0NOT_EQUAL\0LOG\0SUM\0SQRT\0RSQRT\0SHAPE\0POW\0ARG_"
    "MIN\0"
    "FAKE_QUANT\0REDUCE_PROD\0REDUCE_MAX\0PACK\0LOGICAL_OR\0ONE_HOT\0LOGICAL_AND\0LOGICAL_"
    "NOT\0UNPACK\0"
    "REDUCE_MIN\0FLOOR_DIV\0REDUCE_ANY\0SQUARE\0ZEROS_LIKE\0FILL\0FLOOR_MOD\0RANGE\0"
    "RESIZE_NEAREST_NEIGHBOR\0LEAKY_RELU\0SQUARED_DIFFERENCE\0MIRROR_PAD\0ABS\0SPLIT_"
    "V\0UNIQUE\0CEIL\0"
    "REVERSE_V2\0ADD_N\0GATHER_ND\0COS\0WHERE\0RANK\0ELU\0REVERSE_SEQUENCE\0MATRIX_DIAG\0QUANTIZE\0"
    "MATRIX_SET_DIAG\0ROUND\0HARD_SWISH\0IF\0WHILE\0NON_MAX_SUPPRESSION_V4\0NON_MAX_SUPPRESSION_"
    "V5\0"
    "SCATTER_ND\0SELECT_V2\0DENSIFY\0SEGMENT_SUM\0BATCH_MATMUL\0PLACEHOLDER_FOR_GREATER_OP_"
    "CODES\0CUMSUM\0"
    "CALL_ONCE\0BROADCAST_TO\0RFFT2D\0CONV_3D\0IMAG\0REAL\0COMPLEX_ABS\0HASHTABLE\0HASHTABLE_FIND\0"
    "HASHTABLE_IMPORT\0HASHTABLE_SIZE\0REDUCE_ALL\0CONV_3D_TRANSPOSE\0VAR_HANDLE\0READ_VARIABLE\0"
    "ASSIGN_VARIABLE\0BROADCAST_ARGS\0RANDOM_STANDARD_NORMAL\0BUCKETIZE\0RANDOM_"
    "UNIFORM\0MULTINOMIAL\0"
    "GELU\0";

const char *smt_edge_code_name(int32_t code)
{
    const char *name = names;
    if (code < 0)
        return "unknown";
    for (; code > 0 && *name; code--) {
        while (*name)
            name++;
        name++;
    }
    return *name ? name : "unknown";
}

const char *smt_edge_type_name(int32_t type)
{
    static const char types[][12] = {"float32",
                                     "float16",
                                     "int32",
                                     "uint8",
                                     "int64",
                                     "string",
                                     "bool",
                                     "int16",
                                     "complex64",
                                     "int8"};
    return type >= 0 && type < (int32_t)(sizeof types / sizeof types[0]) ? types[type] : "unknown";
}

uint32_t smt_edge_type_bytes(smt_edge_type type)
{
    switch (type) {
    case SMT_EDGE_F32:
    case SMT_EDGE_S32:
        return 4;
    case SMT_EDGE_F16:
        return 2;
    case SMT_EDGE_U8:
    case SMT_EDGE_S8:
        return 1;
    case SMT_EDGE_S64:
        return 8;
    }
    return 0;
}
