//! What fuzzing found, each as small as it goes.
