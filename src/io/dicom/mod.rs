//! (room: io, DICOM)
