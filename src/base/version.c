#include <semtinel/base.h>

const char *smt_version(void)
{
    return "0.1.0";
}
