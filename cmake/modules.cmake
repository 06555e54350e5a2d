# One static library a folder of src/. The list after each name is what it may include and link: the arrows of
# docs/design.md. tools/check_layering.sh reads the same list.
add_library(smt_warnings INTERFACE)
target_compile_options(smt_warnings INTERFACE
  $<$<COMPILE_LANGUAGE:C>:-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef -Wcast-qual -Wstrict-prototypes
  -Wmissing-prototypes -Wdouble-promotion -Wvla>)
if(SEMTINEL_WERROR)
  target_compile_options(smt_warnings INTERFACE $<$<COMPILE_LANGUAGE:C>:-Werror>)
endif()
target_compile_definitions(smt_warnings INTERFACE _GNU_SOURCE)
if(SEMTINEL_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()
if(SEMTINEL_FUZZ) # libFuzzer sees which branches an input takes only in code that is built for it
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

set(SMT_MODULES "" CACHE INTERNAL "")
function(smt_module name)
  cmake_parse_arguments(arg "" "" "MODULES;LIBRARIES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${name}/*.c)
  if(NOT sources)
    return()
  endif()
  add_library(smt_${name} STATIC ${sources})
  target_include_directories(smt_${name} PUBLIC ${PROJECT_SOURCE_DIR}/include PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(smt_${name} PRIVATE smt_warnings ${arg_LIBRARIES} m)
  foreach(module ${arg_MODULES})
    if(TARGET smt_${module})
      target_link_libraries(smt_${name} PUBLIC smt_${module})
    endif()
  endforeach()
  set(SMT_MODULES ${SMT_MODULES} smt_${name} CACHE INTERNAL "")
endfunction()

# The edge runtime: freestanding C99, depends on nothing.
file(GLOB edge_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/edge/src/*.c ${PROJECT_SOURCE_DIR}/edge/kernels/ref/*.c
  ${PROJECT_SOURCE_DIR}/edge/kernels/x86/*.c ${PROJECT_SOURCE_DIR}/edge/kernels/arm_dsp/*.c
  ${PROJECT_SOURCE_DIR}/edge/kernels/arm_neon/*.c)
if(edge_sources)
  add_library(smt_edge STATIC ${edge_sources})
  set_target_properties(smt_edge PROPERTIES C_STANDARD 99 OUTPUT_NAME semtinel_edge)
  target_include_directories(smt_edge PUBLIC ${PROJECT_SOURCE_DIR}/edge/include PRIVATE ${PROJECT_SOURCE_DIR}/edge)
  target_compile_options(smt_edge PRIVATE -ffreestanding)
  target_link_libraries(smt_edge PRIVATE smt_warnings)
endif()

smt_module(base LIBRARIES Threads::Threads PkgConfig::ZLIB)
smt_module(graph MODULES base)
smt_module(image MODULES base LIBRARIES PkgConfig::PNG PkgConfig::JPEG PkgConfig::TIFF)
smt_module(synth MODULES image base)
smt_module(data MODULES image base LIBRARIES PkgConfig::JANSSON)
smt_module(klarf MODULES data image base)
smt_module(ops MODULES graph base)
smt_module(model MODULES ops graph base)
smt_module(format MODULES model ops graph edge base LIBRARIES PkgConfig::JANSSON PkgConfig::LIBZIP proto)
target_include_directories(smt_format PRIVATE ${PROJECT_SOURCE_DIR}/edge) # csource_data.c prints what edge computes at start
smt_module(train MODULES data format model ops graph image base LIBRARIES PkgConfig::JANSSON)
smt_module(quant MODULES train data format model ops graph image edge base LIBRARIES PkgConfig::JANSSON)
smt_module(evaluate MODULES data format model ops graph image edge base LIBRARIES PkgConfig::JANSSON)
smt_module(report MODULES evaluate quant train data format model ops graph image edge base LIBRARIES PkgConfig::CAIRO PkgConfig::JANSSON ${CMAKE_DL_LIBS})
if(AV_FOUND AND TARGET smt_report)
  target_compile_definitions(smt_report PRIVATE SMT_HAVE_VIDEO)
  target_include_directories(smt_report SYSTEM PRIVATE ${AV_INCLUDE_DIRS})
endif()

# The shared library for other programs, and the command.
add_library(semtinel_shared SHARED)
foreach(module ${SMT_MODULES})
  target_sources(semtinel_shared PRIVATE $<TARGET_OBJECTS:${module}>)
endforeach()
target_include_directories(semtinel_shared PUBLIC ${PROJECT_SOURCE_DIR}/include)
target_link_libraries(semtinel_shared PRIVATE ${SMT_MODULES})
set_target_properties(semtinel_shared PROPERTIES OUTPUT_NAME semtinel LINKER_LANGUAGE C VERSION ${PROJECT_VERSION} SOVERSION 0)

file(GLOB cli_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/cli/*.c)
add_executable(semtinel_cli ${cli_sources})
set_target_properties(semtinel_cli PROPERTIES OUTPUT_NAME semtinel)
target_compile_definitions(semtinel_cli PRIVATE
  SMT_SOURCE_MODELS="${PROJECT_SOURCE_DIR}/models" SMT_INSTALLED_MODELS="${CMAKE_INSTALL_PREFIX}/share/semtinel/models")
target_include_directories(semtinel_cli PRIVATE ${PROJECT_SOURCE_DIR}/src)
target_link_libraries(semtinel_cli PRIVATE ${SMT_MODULES} smt_warnings PkgConfig::JANSSON m)
