/* Vectors of 4 and 2 floats in the compiler's portable
 * notation: SSE2 on any x86-64, NEON on AArch64. */
#include <stddef.h>
#include <string.h>

typedef float floats4 __attribute__((vector_size(16)));
typedef int ints4 __attribute__((vector_size(16)));
typedef float floats2 __attribute__((vector_size(8)));
typedef int ints2 __attribute__((vector_size(8)));

#define DEFINE_VECTOR(N)                                                                           \
    static inline floats##N load##N(const float *p)                                                \
    {                                                                                              \
        floats##N v;                                                                               \
        memcpy(&v, p, sizeof v);                                                                   \
        return v;                                                                                  \
    }                                                                                              \
    static inline void store##N(float *p, floats##N v)                                             \
    {                                                                                              \
        memcpy(p, &v, sizeof v);                                                                   \
    }                                                                                              \
    static inline floats##N above##N(floats##N x, floats##N t, floats##N a, floats##N b)           \
    {                                                                                              \
        ints##N mask = x > t;                                                                      \
        return (floats##N)(((ints##N)a & mask) | ((ints##N)b & ~mask));                            \
    }
DEFINE_VECTOR(4)
DEFINE_VECTOR(2)

static inline floats4 load_part(const float *p, int n)
{
    floats4 v = {0};
    memcpy(&v, p, (size_t)n * sizeof *p);
    return v;
}

static inline void store_part(float *p, int n, floats4 v)
{
    memcpy(p, &v, (size_t)n * sizeof *p);
}

#define TURN 4
static inline void turn_block(const float *from, ptrdiff_t from_row, float *to, ptrdiff_t to_row)
{
    for (int i = 0; i < TURN; i++) {
        for (int j = 0; j < TURN; j++) {
            to[j * to_row + i] = from[i * from_row + j];
        }
    }
}

#define TABLE ops_kernels_portable
#define NAME_TEXT "portable"
#define ROWS 4

#define LANES_F 4
#define V_F floats4
#define LOAD_F(p) load4(p)
#define STORE_F(p, v) store4(p, v)
#define SET_F(s) ((floats4){s, s, s, s})
#define ADD_F(a, b) ((a) + (b))
#define SUB_F(a, b) ((a) - (b))
#define MUL_F(a, b) ((a) * (b))
#define FMA_F(a, b, c) ((a) * (b) + (c))
#define MAX_F(a, b) above4(a, b, a, b)
#define MIN_F(a, b) above4(a, b, b, a)
#define ABOVE_F(x, t, a, b) above4(x, t, a, b)
#define LOAD_PART(p, n) load_part(p, n)
#define STORE_PART(p, n, v) store_part(p, n, v)
#define LOW_HALF(v) ((floats2){(v)[0], (v)[1]})
#define TOTAL(v) (((v)[0] + (v)[2]) + ((v)[1] + (v)[3]))

#define LANES_H 2
#define V_H floats2
#define LOAD_H(p) load2(p)
#define STORE_H(p, v) store2(p, v)
#define SET_H(s) ((floats2){s, s})
#define ADD_H(a, b) ((a) + (b))
#define SUB_H(a, b) ((a) - (b))
#define MUL_H(a, b) ((a) * (b))
#define FMA_H(a, b, c) ((a) * (b) + (c))
#define MAX_H(a, b) above2(a, b, a, b)
#define MIN_H(a, b) above2(a, b, b, a)
#define ABOVE_H(x, t, a, b) above2(x, t, a, b)

#include "ops/kernels_vector.inc"
