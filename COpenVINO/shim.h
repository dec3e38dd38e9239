#ifndef COPENVINO_SHIM_H
#define COPENVINO_SHIM_H
// OpenVINO's own C headers, from the wheel that set-up unpacks into .deps/openvino (Package.swift adds the include folder).
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

/// Compiles a model for the CPU so that the same input gives the same numbers: f32 throughout (never bf16 where the CPU has
/// it), one request at a time. In C, because the property keys are global variables, which Swift 6 does not let through.
///
/// `threads` is a decimal number, or NULL for the engine's default, one for each physical core.
static inline ov_status_e openvino_compile_for_cpu(
    const ov_core_t *core, const ov_model_t *model, const char *threads, ov_compiled_model_t **compiled) {
    const ov_property_t properties[] = {
        {ov_property_key_hint_inference_precision, "f32"},
        {ov_property_key_hint_performance_mode, "LATENCY"},
        {ov_property_key_num_streams, "1"},
        // Threads bound to cores would share them with whatever else the node does there.
        {ov_property_key_hint_enable_cpu_pinning, "NO"},
        {ov_property_key_inference_num_threads, threads},
    };
    return ov_core_compile_model_props(core, model, "CPU", threads ? 5 : 4, properties, compiled);
}
#endif
