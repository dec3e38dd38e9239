#ifndef CPANGOCAIRO_SHIM_H
#define CPANGOCAIRO_SHIM_H
// Pango and Cairo's own C headers; libraries and include folders come from pkg-config (pangocairo).
#include <pango/pangocairo.h>
#endif
