/* make_pages OUT.tif IMAGE...: the images as the pages of one TIFF. */
#include "pages.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    smt_error error = {0};
    size_t count = argc > 2 ? (size_t)argc - 2 : 0;
    smt_image *images = smt_alloc(count, sizeof *images);
    smt_status status = images && count ? SMT_OK : smt_fail(&error, SMT_ERR_ARGUMENT, "no images");
    for (size_t i = 0; i < count && !status; i++) {
        status = smt_image_load(argv[i + 2], NULL, &images[i], &error);
    }
    if (!status) {
        pages_bytes bytes = pages_make(images, count, false, false);
        status = bytes.data ? smt_file_save(argv[1], bytes.data, bytes.size, &error)
                            : smt_fail(&error, SMT_ERR_MEMORY, "out of memory");
        smt_free(bytes.data);
    }
    for (size_t i = 0; i < count && images; i++) {
        smt_image_free(&images[i]);
    }
    smt_free(images);
    if (status) {
        fprintf(stderr, "make_pages: %s\n", error.message);
    }
    return status ? 1 : 0;
}
