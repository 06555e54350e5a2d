# Libraries that Debian ships; the list of packages is tools/packages.txt.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(PNG REQUIRED IMPORTED_TARGET libpng)
pkg_check_modules(JPEG REQUIRED IMPORTED_TARGET libjpeg)
pkg_check_modules(TIFF REQUIRED IMPORTED_TARGET libtiff-4)
pkg_check_modules(WEBP REQUIRED IMPORTED_TARGET libwebp)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(CAIRO REQUIRED IMPORTED_TARGET cairo)
pkg_check_modules(FONTCONFIG REQUIRED IMPORTED_TARGET fontconfig)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(LIBZIP REQUIRED IMPORTED_TARGET libzip)

# ONNX: Debian ships the schema; protoc-c turns it into C at build time.
find_program(PROTOC_C protoc-c REQUIRED)
find_path(ONNX_PROTO onnx/onnx.proto REQUIRED)
pkg_check_modules(PROTOBUF_C REQUIRED IMPORTED_TARGET libprotobuf-c)
set(proto_folder ${PROJECT_BINARY_DIR}/proto)
file(MAKE_DIRECTORY ${proto_folder})
add_custom_command(OUTPUT ${proto_folder}/onnx.pb-c.c ${proto_folder}/onnx.pb-c.h
  COMMAND ${PROTOC_C} -I${ONNX_PROTO}/onnx --c_out=${proto_folder} onnx.proto
  DEPENDS ${ONNX_PROTO}/onnx/onnx.proto)
add_library(proto STATIC ${proto_folder}/onnx.pb-c.c)
target_include_directories(proto SYSTEM PUBLIC ${proto_folder})
target_link_libraries(proto PUBLIC PkgConfig::PROTOBUF_C)

# Optional: the demo video. Without it 'semtinel demo' says what is missing. Only the headers: src/report/libav.c loads
# the libraries when they are needed.
pkg_check_modules(AV libavcodec libavformat libavutil libswscale)
