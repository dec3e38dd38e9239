#ifndef CDCMTK_SHIM_H
#define CDCMTK_SHIM_H
// DCMTK has no C header. This module carries its link lines and the version of the DCMTK that we are built with;
// the functions are reached through CDCMTKShims.
#include <dcmtk/config/osconfig.h>
static const unsigned int cdcmtk_version_number = PACKAGE_VERSION_NUMBER;
#endif
