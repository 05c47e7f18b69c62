//! Where the frames of multi-frame objects lie, from files built in code.
