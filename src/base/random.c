/* xoshiro256** (Blackman and Vigna 2018, reference code in the public domain), by splitmix64. */
#include <semtinel/base.h>

#include <math.h>

static uint64_t splitmix(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t smt_hash64(uint64_t a, uint64_t b)
{
    uint64_t state = a;
    uint64_t mixed = splitmix(&state) ^ b;
    return splitmix(&mixed);
}

uint64_t smt_hash_text(const char *text, size_t length)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3u;
    }
    return hash;
}

smt_rng smt_rng_seed(uint64_t seed, uint64_t stream)
{
    uint64_t state = smt_hash64(seed, stream);
    smt_rng rng;
    for (int i = 0; i < 4; i++) {
        rng.state[i] = splitmix(&state);
    }
    return rng;
}

static uint64_t rotate_left(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

uint64_t smt_rng_next(smt_rng *rng)
{
    uint64_t *s = rng->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint32_t smt_rng_below(smt_rng *rng, uint32_t bound)
{
    /* Lemire's multiplication with rejection: unbiased. */
    uint64_t product = (smt_rng_next(rng) >> 32) * bound;
    uint32_t low = (uint32_t)product;
    if (low < bound) {
        uint32_t threshold = (uint32_t)(-bound) % bound;
        while (low < threshold) {
            product = (smt_rng_next(rng) >> 32) * bound;
            low = (uint32_t)product;
        }
    }
    return (uint32_t)(product >> 32);
}

double smt_rng_uniform(smt_rng *rng, double low, double high)
{
    double unit = (double)(smt_rng_next(rng) >> 11) * 0x1p-53;
    return low + (high - low) * unit;
}

double smt_rng_normal(smt_rng *rng)
{
    /* Box-Muller; the second value is dropped so that a stream has no hidden state. */
    double u = 1.0 - smt_rng_uniform(rng, 0.0, 1.0);
    double v = smt_rng_uniform(rng, 0.0, 1.0);
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}

void smt_rng_shuffle(smt_rng *rng, uint32_t *items, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        size_t j = smt_rng_below(rng, (uint32_t)i);
        uint32_t t = items[i - 1];
        items[i - 1] = items[j];
        items[j] = t;
    }
}
