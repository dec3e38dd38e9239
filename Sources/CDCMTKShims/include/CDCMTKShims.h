#ifndef CDCMTKSHIMS_H
#define CDCMTKSHIMS_H
#include "cdcmtk_error.h"
#include "cdcmtk_runtime.h"
#include "cdcmtk_dataset.h"
#include "cdcmtk_text.h"
#include "cdcmtk_tls.h"
#include "cdcmtk_association.h"
#include "cdcmtk_image.h"
#include "cdcmtk_inflate.h"
#include "cdcmtk_sr.h"
#endif
