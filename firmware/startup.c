/* Reset, memory protection and faults of QEMU's mps2-an500, a Cortex-M7.
 *
 * QEMU's board answers reads of addresses where nothing is and lets programs write to address 0.
 * The memory protection unit is set up so that such mistakes fault here as they would on a chip. */
#include "semihost.h"

extern uint32_t stack_top, data_start, data_end, data_load, bss_start, bss_end;
int main(void);
void reset(void);

#define REGISTER(address) (*(volatile uint32_t *)(address))

static void fault(void)
{
    uint32_t exception;
    __asm volatile("mrs %0, ipsr" : "=r"(exception));
    sh_print("fault: exception ");
    sh_print_number((int32_t)exception);
    sh_print(", status ");
    sh_print_hex(REGISTER(0xe000ed28u));
    sh_print(", address ");
    sh_print_hex(REGISTER(0xe000ed34u));
    sh_print("\n");
    sh_exit(99);
}

__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {
    &stack_top,
    (const void *)reset,
    (const void *)fault,
    (const void *)fault,
    (const void *)fault,
    (const void *)fault,
    (const void *)fault,
    (const void *)fault,
    0,
    0,
    0,
    (const void *)fault,
    (const void *)fault,
    0,
    (const void *)fault,
    (const void *)fault};

/* Region `number`: 2^bits bytes from `base`; access 3: read and write, 6: read only. */
static void
protect(uint32_t number, uint32_t base, uint32_t bits, uint32_t access, uint32_t never_execute)
{
    REGISTER(0xe000ed98u) = number;
    REGISTER(0xe000ed9cu) = base;
    REGISTER(0xe000eda0u) = never_execute << 28 | access << 24 | 0x00020000u | (bits - 1) << 1 | 1u;
}

__attribute__((noreturn)) void reset(void)
{
    REGISTER(0xe000ed88u) |= 0xfu << 20; /* CPACR: floating point on */
    __asm volatile("dsb\n isb");
    const uint32_t *from = &data_load;
    for (uint32_t *to = &data_start; to < &data_end; to++)
        *to = *from++;
    for (uint32_t *to = &bss_start; to < &bss_end; to++)
        *to = 0;
    protect(0, 0x00000000u, 22, 6, 0); /* flash: code and constants */
    protect(1, 0x20000000u, 22, 3, 1); /* SRAM */
    protect(2,
            0x60000000u,
            24,
            3,
            1); /* PSRAM: stands for the external memory that holds a model file */
    protect(3, 0x40000000u, 20, 3, 1); /* peripherals */
    REGISTER(0xe000ed94u) = 1;         /* on, without a background region */
    REGISTER(0xe000ed24u) |= 1u << 16; /* memory faults have their own exception */
    __asm volatile("dsb\n isb");
    sh_exit(main());
}
