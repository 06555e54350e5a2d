/* lgamma leaves the sign in a global variable, which two threads may not do at once. */
#ifndef SEMTINEL_BASE_GAMMA_H
#define SEMTINEL_BASE_GAMMA_H

#include <math.h>

static inline double smt_lgamma(double x)
{
    int sign;
    return lgamma_r(x, &sign);
}

#endif
