"""Makes synthetic DICOM files with identity planted wherever a real one has it; prints what it made as JSON.

usage: make_dicom.py KIND FOLDER [--count N] [--rows R] [--columns C] [--charset CS]

kinds: dx             chest radiograph, PA, MONOCHROME2, 12 bit: in the scope of a chest radiograph model
       dx-lateral     the same, lateral view
       dx-annotated   the same as dx, and it says that text is burned into its pixels
       ct             a CT series of 512 x 512 images, 0.5 MB each
       no-pixels      a DX object without Pixel Data
       presentation   a Grayscale Softcopy Presentation State: not an image for a model
"""

from __future__ import annotations

import argparse
import json
import secrets
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

DX = "1.2.840.10008.5.1.4.1.1.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
GSPS = "1.2.840.10008.5.1.4.1.1.11.1"


class Planter:
    """Hands out strings that occur nowhere else and remembers them."""

    def __init__(self) -> None:
        self.strings: list[str] = []

    def text(self, prefix: str) -> str:
        planted = f"{prefix}{secrets.token_hex(4).upper()}"
        self.strings.append(planted)
        return planted

    def uid(self) -> str:
        planted = str(generate_uid())
        self.strings.append(planted)
        return planted


def identity(ds: Dataset, plant: Planter) -> None:
    """Patient, study and equipment identity, at the top, in sequences, in private elements."""
    ds.PatientName = f"{plant.text('FAMILY')}^{plant.text('GIVEN')}"
    ds.PatientID = plant.text("PID")
    ds.IssuerOfPatientID = plant.text("ISSUER")
    ds.OtherPatientNames = plant.text("OTHER")
    ds.PatientBirthDate = "19310423"
    ds.PatientSex = "F"
    ds.PatientAddress = plant.text("STREET")
    ds.PatientTelephoneNumbers = plant.text("TEL")
    ds.PatientMotherBirthName = plant.text("MOTHER")
    ds.PatientComments = plant.text("COMMENT")
    ds.AdditionalPatientHistory = plant.text("HISTORY")
    ds.AccessionNumber = plant.text("ACC")
    ds.StudyID = plant.text("SID")
    ds.StudyDescription = f"Chest for {plant.text('DESCRIBED')}"
    ds.ReferringPhysicianName = f"{plant.text('REFERRING')}^A"
    ds.PhysiciansOfRecord = plant.text("RECORD")
    ds.OperatorsName = plant.text("OPERATOR")
    ds.InstitutionName = plant.text("HOSPITAL")
    ds.InstitutionAddress = plant.text("ADDRESS")
    ds.StationName = plant.text("STATION")
    ds.DeviceSerialNumber = plant.text("SERIAL")
    ds.SeriesDescription = plant.text("SERIES")
    ds.ProtocolName = plant.text("PROTOCOL")
    ds.ImageComments = plant.text("IMAGECOMMENT")
    request = Dataset()
    request.AccessionNumber = plant.text("RACC")
    request.RequestedProcedureID = plant.text("RPID")
    request.RequestedProcedureDescription = plant.text("RPD")
    request.ReferencedStudySequence = Sequence([reference("1.2.840.10008.3.1.2.3.1", plant.uid())])
    ds.RequestAttributesSequence = Sequence([request])
    nested = reference("1.2.840.10008.3.1.2.1.1", plant.uid())
    nested.PatientName = plant.text("NESTED")
    nested.ReferencedImageSequence = Sequence([reference(DX, plant.uid())])
    ds.ReferencedPatientSequence = Sequence([nested])
    block = ds.private_block(0x0029, "OVERREAD TEST", create=True)
    block.add_new(0x10, "LO", plant.text("PRIVATE"))
    block.add_new(0x11, "OB", plant.text("PRIVATEBYTES").encode())
    inner = Dataset()
    inner.PatientID = plant.text("PRIVATENESTED")
    block.add_new(0x12, "SQ", Sequence([inner]))


def reference(sop_class: str, instance: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class
    item.ReferencedSOPInstanceUID = instance
    return item


def common(ds: Dataset, args: argparse.Namespace, sop_class: str, modality: str, study: str, series: str) -> None:
    ds.SpecificCharacterSet = args.charset
    ds.SOPClassUID = sop_class
    ds.StudyInstanceUID = study
    ds.SeriesInstanceUID = series
    ds.Modality = modality
    ds.Manufacturer = "Synthetic"
    ds.StudyDate = ds.SeriesDate = ds.ContentDate = ds.AcquisitionDate = "20260102"
    ds.StudyTime = ds.SeriesTime = ds.ContentTime = ds.AcquisitionTime = "101112"
    ds.SeriesNumber = 1


def chest(rows: int, columns: int, seed: int) -> np.ndarray:
    """Two dark lung fields with a bright blob, and noise: something with the histogram of a chest radiograph."""
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    y, x = y / rows, x / columns
    image = np.full((rows, columns), 2600, np.float32)
    for centre in (0.3, 0.7):
        image -= 1500 * np.exp(-(((x - centre) / 0.13) ** 4 + ((y - 0.45) / 0.3) ** 4))
    image += 900 * np.exp(-(((x - 0.68) / 0.05) ** 2 + ((y - 0.4) / 0.05) ** 2))
    image += np.random.default_rng(seed).normal(0, 40, image.shape).astype(np.float32)
    return np.clip(image, 0, 4095).astype("<u2")


def pixels(ds: Dataset, image: np.ndarray, bits: int, signed: bool = False) -> None:
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.Rows, ds.Columns = image.shape
    ds.BitsAllocated = 16
    ds.BitsStored = bits
    ds.HighBit = bits - 1
    ds.PixelRepresentation = int(signed)
    ds.PixelData = image.tobytes()


def radiograph(ds: Dataset, args: argparse.Namespace, lateral: bool, seed: int) -> None:
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    ds.PresentationIntentType = "FOR PRESENTATION"
    ds.BodyPartExamined = "CHEST"
    ds.ViewPosition = "LL" if lateral else "PA"
    ds.ImageLaterality = "U"
    ds.PatientOrientation = ["P", "F"] if lateral else ["L", "F"]
    region = Dataset()
    region.CodeValue, region.CodingSchemeDesignator, region.CodeMeaning = "43799004", "SCT", "Thorax"
    ds.AnatomicRegionSequence = Sequence([region])
    ds.AcquisitionContextSequence = Sequence()
    ds.DetectorType = "DIRECT"
    ds.PositionerType = "COLUMN"
    ds.ImagerPixelSpacing = [0.148, 0.148]
    ds.PixelIntensityRelationship = "LOG"
    ds.PixelIntensityRelationshipSign = -1
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = 0, 1, "US"
    ds.PresentationLUTShape = "IDENTITY"
    ds.LossyImageCompression = "00"
    ds.BurnedInAnnotation = "YES" if args.kind == "dx-annotated" else "NO"
    ds.WindowCenter, ds.WindowWidth = 2000, 3200
    if args.kind != "no-pixels":
        pixels(ds, chest(args.rows, args.columns, seed), 12)


def tomograph(ds: Dataset, number: int, frame: str, seed: int) -> None:
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.FrameOfReferenceUID = frame
    ds.BodyPartExamined = "CHEST"
    ds.ImagePositionPatient = [-250, -250, float(number)]
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.PixelSpacing = [0.97, 0.97]
    ds.SliceThickness = 1
    ds.RescaleIntercept, ds.RescaleSlope = -1024, 1
    ds.KVP = 120
    noise = np.random.default_rng(seed).integers(0, 4096, (512, 512), dtype=np.uint16)
    pixels(ds, noise, 12)


def presentation(ds: Dataset, plant: Planter) -> None:
    ds.ContentLabel = "TEST"
    ds.ContentDescription = plant.text("CONTENT")
    ds.PresentationCreationDate, ds.PresentationCreationTime = "20260102", "101112"
    series = Dataset()
    series.SeriesInstanceUID = plant.uid()
    series.ReferencedImageSequence = Sequence([reference(DX, plant.uid())])
    ds.ReferencedSeriesSequence = Sequence([series])
    ds.PresentationLUTShape = "IDENTITY"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["dx", "dx-lateral", "dx-annotated", "ct", "no-pixels", "presentation"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--rows", type=int, default=640)
    parser.add_argument("--columns", type=int, default=512)
    parser.add_argument("--charset", default="ISO_IR 192")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    plant = Planter()
    study, series, frame = plant.uid(), plant.uid(), plant.uid()
    patient = Dataset()
    identity(patient, plant)
    files, instances = [], []
    for number in range(1, args.count + 1):
        ds = Dataset()
        ds.update(patient)
        sop_class, modality = {"ct": (CT, "CT"), "presentation": (GSPS, "PR")}.get(args.kind, (DX, "DX"))
        common(ds, args, sop_class, modality, study, series)
        ds.SOPInstanceUID = plant.uid()
        ds.InstanceNumber = number
        if args.kind == "ct":
            tomograph(ds, number, frame, number)
        elif args.kind == "presentation":
            presentation(ds, plant)
        else:
            radiograph(ds, args, args.kind == "dx-lateral", number)
        ds.file_meta = FileMetaDataset()
        ds.file_meta.MediaStorageSOPClassUID = UID(sop_class)
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        path = args.folder.resolve() / f"{number:04}.dcm"
        ds.save_as(path, enforce_file_format=True)
        files.append(str(path))
        instances.append(str(ds.SOPInstanceUID))
    print(json.dumps({"files": files, "identity": plant.strings, "study": study, "instances": instances}))


if __name__ == "__main__":
    main()
