#include "check.hpp"

#include "CDCMTKShims.h"

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmdata/dcpixel.h>
#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>
#include <dcmtk/dcmjpeg/djencode.h>
#include <dcmtk/dcmjpls/djencode.h>

#include <openjpeg-2.5/openjpeg.h>

#include <cstring>
#include <random>
#include <thread>
#include <vector>

namespace {

using Bytes = std::vector<uint8_t>;
using Samples = std::vector<uint16_t>;

const uint16_t rows = 61;
const uint16_t columns = 47;

/// A picture that is neither flat nor noise.
Samples picture(int precision) {
    Samples samples;
    for (int y = 0; y < rows; ++y)
        for (int x = 0; x < columns; ++x)
            samples.push_back(static_cast<uint16_t>(((x * 37 + y * 101 + x * y) << 3) & ((1 << precision) - 1)));
    return samples;
}

/// One frame as DCMTK compresses it.
Bytes encode(const Samples &samples, int precision, E_TransferSyntax syntax) {
    DJEncoderRegistration::registerCodecs();
    DJLSEncoderRegistration::registerCodecs();
    DcmDataset dataset;
    dataset.putAndInsertUint16(DCM_SamplesPerPixel, 1);
    dataset.putAndInsertString(DCM_PhotometricInterpretation, "MONOCHROME2");
    dataset.putAndInsertUint16(DCM_Rows, rows);
    dataset.putAndInsertUint16(DCM_Columns, columns);
    dataset.putAndInsertUint16(DCM_BitsAllocated, precision > 8 ? 16 : 8);
    dataset.putAndInsertUint16(DCM_BitsStored, static_cast<Uint16>(precision));
    dataset.putAndInsertUint16(DCM_HighBit, static_cast<Uint16>(precision - 1));
    dataset.putAndInsertUint16(DCM_PixelRepresentation, 0);
    if (precision > 8) {
        dataset.putAndInsertUint16Array(DCM_PixelData, samples.data(), samples.size());
    } else {
        const Bytes narrow(samples.begin(), samples.end());
        dataset.putAndInsertUint8Array(DCM_PixelData, narrow.data(), narrow.size());
    }
    CHECK(dataset.chooseRepresentation(syntax, nullptr).good());
    DcmElement *element = nullptr;
    dataset.findAndGetElement(DCM_PixelData, element);
    E_TransferSyntax found = EXS_Unknown;
    const DcmRepresentationParameter *parameter = nullptr;
    auto *pixels = OFreinterpret_cast(DcmPixelData *, element);
    pixels->getOriginalRepresentationKey(found, parameter);
    DcmPixelSequence *sequence = nullptr;
    DcmPixelItem *item = nullptr;
    Uint8 *bytes = nullptr;
    CHECK(pixels->getEncapsulatedRepresentation(syntax, nullptr, sequence).good());
    CHECK(sequence && sequence->getItem(item, 1).good() && item->getUint8Array(bytes).good());
    return Bytes(bytes, bytes + item->getLength());
}

OPJ_SIZE_T append(void *data, OPJ_SIZE_T count, void *context) {
    auto *bytes = static_cast<Bytes *>(context);
    bytes->insert(bytes->end(), static_cast<uint8_t *>(data), static_cast<uint8_t *>(data) + count);
    return count;
}

/// One frame as OpenJPEG compresses it, lossless. The stream cannot seek, so the codestream has no index to go back for.
Bytes encode_jpeg2000(const Samples &samples, int precision) {
    opj_image_cmptparm_t component{};
    component.dx = component.dy = 1;
    component.w = columns;
    component.h = rows;
    component.prec = static_cast<OPJ_UINT32>(precision);
    opj_image_t *image = opj_image_create(1, &component, OPJ_CLRSPC_GRAY);
    image->x1 = columns;
    image->y1 = rows;
    for (size_t i = 0; i < samples.size(); ++i) image->comps[0].data[i] = samples[i];
    opj_cparameters_t parameters;
    opj_set_default_encoder_parameters(&parameters);
    parameters.tcp_numlayers = 1;
    parameters.cp_disto_alloc = 1;
    parameters.numresolution = 3;
    Bytes bytes;
    opj_codec_t *codec = opj_create_compress(OPJ_CODEC_J2K);
    CHECK(opj_setup_encoder(codec, &parameters, image));
    opj_stream_t *stream = opj_stream_create(1 << 16, OPJ_FALSE);
    opj_stream_set_user_data(stream, &bytes, nullptr);
    opj_stream_set_write_function(stream, append);
    CHECK(opj_start_compress(codec, image, stream) && opj_encode(codec, stream) && opj_end_compress(codec, stream));
    opj_stream_destroy(stream);
    opj_destroy_codec(codec);
    opj_image_destroy(image);
    return bytes;
}

struct Case {
    const char *syntax; // nullptr: JPEG 2000
    int precision;
    Bytes codestream;
};

std::vector<Case> cases() {
    return {
        {"1.2.840.10008.1.2.4.70", 12, encode(picture(12), 12, EXS_JPEGProcess14SV1)},
        {"1.2.840.10008.1.2.4.57", 16, encode(picture(16), 16, EXS_JPEGProcess14)},
        {"1.2.840.10008.1.2.4.70", 8, encode(picture(8), 8, EXS_JPEGProcess14SV1)},
        {"1.2.840.10008.1.2.4.80", 8, encode(picture(8), 8, EXS_JPEGLSLossless)},
        {"1.2.840.10008.1.2.4.80", 12, encode(picture(12), 12, EXS_JPEGLSLossless)},
        {nullptr, 12, encode_jpeg2000(picture(12), 12)},
        {nullptr, 8, encode_jpeg2000(picture(8), 8)},
    };
}

cdcmtk_status decode(const Case &one, const Bytes &codestream, Samples &out, uint16_t height = rows) {
    const cdcmtk_image_format format{one.syntax, height, columns, static_cast<uint16_t>(one.precision)};
    cdcmtk_error error{};
    return one.syntax
        ? cdcmtk_image_decode(&format, codestream.data(), codestream.size(), out.data(), out.size(), &error)
        : cdcmtk_image_decode_jpeg2000(&format, codestream.data(), codestream.size(), out.data(), out.size(), &error);
}

} // namespace

TEST("a frame of each codec is decoded into exactly its samples") {
    for (const Case &one : cases()) {
        Samples out(size_t(rows) * columns);
        CHECK(decode(one, one.codestream, out) == CDCMTK_OK);
        CHECK(out == picture(one.precision));
    }
}

TEST("an image without arguments, sizes or room is refused") {
    const Bytes bytes(100);
    Samples out(size_t(rows) * columns);
    const cdcmtk_image_format good{"1.2.840.10008.1.2.4.70", rows, columns, 12};
    for (auto *function : {cdcmtk_image_decode, cdcmtk_image_decode_jpeg2000}) {
        CHECK(function(nullptr, bytes.data(), 100, out.data(), out.size(), nullptr) == CDCMTK_INVALID_ARGUMENT);
        CHECK(function(&good, nullptr, 100, out.data(), out.size(), nullptr) == CDCMTK_INVALID_ARGUMENT);
        CHECK(function(&good, bytes.data(), 0, out.data(), out.size(), nullptr) == CDCMTK_INVALID_ARGUMENT);
        CHECK(function(&good, bytes.data(), 100, nullptr, out.size(), nullptr) == CDCMTK_INVALID_ARGUMENT);
        CHECK(function(&good, bytes.data(), 100, out.data(), out.size() - 1, nullptr) == CDCMTK_INVALID_ARGUMENT);
        for (const cdcmtk_image_format bad :
             {cdcmtk_image_format{good.transfer_syntax, 0, columns, 12}, {good.transfer_syntax, rows, 0, 12},
              {good.transfer_syntax, rows, columns, 0}, {good.transfer_syntax, rows, columns, 17}})
            CHECK(function(&bad, bytes.data(), 100, out.data(), out.size(), nullptr) == CDCMTK_INVALID_ARGUMENT);
    }
    const cdcmtk_image_format native{"1.2.840.10008.1.2.1", rows, columns, 12};
    CHECK(cdcmtk_image_decode(&native, bytes.data(), 100, out.data(), out.size(), nullptr) == CDCMTK_INVALID_ARGUMENT);
}

TEST("a JPEG 2000 codestream of another size or precision is refused by its header") {
    const Case one{nullptr, 12, encode_jpeg2000(picture(12), 12)};
    Samples out(size_t(rows) * 2 * columns);
    CHECK(decode(one, one.codestream, out, rows + 1) == CDCMTK_FAILED);
    CHECK(decode({nullptr, 11, {}}, one.codestream, out) == CDCMTK_FAILED);
}

TEST("codestreams cut anywhere or damaged are decoded or refused, within their bytes") {
    std::mt19937 random(5);
    for (const Case &one : cases()) {
        Samples out(size_t(rows) * columns);
        for (size_t length = 1; length < one.codestream.size(); length += 1 + one.codestream.size() / 50) {
            // A vector of its own, so that a byte read behind the end is one behind an allocation.
            const Bytes cut(one.codestream.begin(), one.codestream.begin() + static_cast<long>(length));
            const cdcmtk_status status = decode(one, cut, out);
            if (length < one.codestream.size() / 2) CHECK(status != CDCMTK_OK);
        }
        for (int round = 0; round < 100; ++round) {
            Bytes damaged = one.codestream;
            for (int flip = 0; flip < 5; ++flip) damaged[random() % damaged.size()] = static_cast<uint8_t>(random());
            (void)decode(one, damaged, out);
        }
    }
}

TEST("frames are decoded on several threads at once") {
    const auto all = cases();
    std::vector<std::thread> threads;
    for (int worker = 0; worker < 4; ++worker)
        threads.emplace_back([&all] {
            for (const Case &one : all) {
                Samples out(size_t(rows) * columns);
                CHECK(decode(one, one.codestream, out) == CDCMTK_OK);
                CHECK(out == picture(one.precision));
            }
        });
    for (auto &thread : threads) thread.join();
}
