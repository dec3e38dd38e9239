#ifndef COPENVINO_SHIM_H
#define COPENVINO_SHIM_H
// OpenVINO's own C headers, from the wheel that set-up unpacks into .deps/openvino (Package.swift adds the include folder).
// Nothing here is linked: the library is loaded at the first use (docs/decisions/0014), its functions called by pointers
// whose types are those of the headers.
#include <dlfcn.h>
#include <openvino/c/openvino.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

/// Reading and compiling a model leave large free blocks behind, which the C library keeps until it is asked for them.
static inline void openvino_return_free_memory(void) {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

// clang-format off
#define OPENVINO_FUNCTIONS(EACH) \
    EACH(ov_compiled_model_create_infer_request) EACH(ov_compiled_model_free) EACH(ov_compiled_model_input_by_name) \
    EACH(ov_compiled_model_output_by_name) EACH(ov_const_port_get_shape) EACH(ov_core_compile_model_props) \
    EACH(ov_core_create) EACH(ov_core_free) EACH(ov_core_read_model) EACH(ov_get_last_err_msg) \
    EACH(ov_get_openvino_version) EACH(ov_infer_request_free) EACH(ov_infer_request_get_tensor) \
    EACH(ov_infer_request_infer) EACH(ov_model_free) EACH(ov_model_is_dynamic) EACH(ov_model_reshape_input_by_name) \
    EACH(ov_output_const_port_free) EACH(ov_partial_shape_create_static) EACH(ov_partial_shape_free) \
    EACH(ov_port_get_element_type) EACH(ov_shape_free) EACH(ov_tensor_data) EACH(ov_tensor_free) \
    EACH(ov_tensor_get_element_type) EACH(ov_tensor_get_size) EACH(ov_version_free)
#define OPENVINO_PROPERTY_KEYS(EACH) \
    EACH(ov_property_key_hint_inference_precision) EACH(ov_property_key_hint_performance_mode) \
    EACH(ov_property_key_num_streams) EACH(ov_property_key_hint_enable_cpu_pinning) \
    EACH(ov_property_key_inference_num_threads)
// clang-format on

/// What the node uses of the library.
typedef struct {
#define OPENVINO_MEMBER(name) __typeof__(&name) _Nonnull name;
    OPENVINO_FUNCTIONS(OPENVINO_MEMBER)
    OPENVINO_PROPERTY_KEYS(OPENVINO_MEMBER)
#undef OPENVINO_MEMBER
} openvino_functions;

/// Loads the library and finds everything in it. It is never unloaded: threads of its own may be running in it.
///
/// Gives NULL, or the loader's own message of why not, valid until the thread's next call of the loader.
static inline const char *_Nullable openvino_load(openvino_functions *functions) {
    // The version that set-up installs, by its full name: another build may have another ABI. The executable's run path
    // leads to it.
    void *library = dlopen("libopenvino_c.so.2641", RTLD_NOW | RTLD_LOCAL);
    if (!library) return dlerror();
    void *symbol = 0;
#define OPENVINO_FIND(name) \
    symbol = dlsym(library, #name); \
    if (!symbol) return dlerror(); \
    *(void **)&functions->name = symbol;
    OPENVINO_FUNCTIONS(OPENVINO_FIND)
    OPENVINO_PROPERTY_KEYS(OPENVINO_FIND)
#undef OPENVINO_FIND
    return 0;
}

/// Compiles a model for the CPU so that the same input gives the same numbers: f32 throughout (never bf16 where the CPU has
/// it), one request at a time. In C, because the function that takes the properties has no fixed form in Swift.
///
/// `threads` is a decimal number, or NULL for the engine's default, one for each physical core.
static inline ov_status_e openvino_compile_for_cpu(
    const openvino_functions *_Nonnull functions, const ov_core_t *core, const ov_model_t *model, const char *threads,
    ov_compiled_model_t **compiled) {
    const ov_property_t properties[] = {
        {*functions->ov_property_key_hint_inference_precision, "f32"},
        {*functions->ov_property_key_hint_performance_mode, "LATENCY"},
        {*functions->ov_property_key_num_streams, "1"},
        // Threads bound to cores would share them with whatever else the node does there.
        {*functions->ov_property_key_hint_enable_cpu_pinning, "NO"},
        {*functions->ov_property_key_inference_num_threads, threads},
    };
    return functions->ov_core_compile_model_props(core, model, "CPU", threads ? 5 : 4, properties, compiled);
}
#endif
