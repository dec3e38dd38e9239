#ifndef COPENVINO_SHIM_H
#define COPENVINO_SHIM_H
// OpenVINO's own C headers, from the wheel that set-up unpacks into .deps/openvino (Package.swift adds the include folder).
#include <openvino/c/openvino.h>
#endif
