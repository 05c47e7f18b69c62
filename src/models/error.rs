//! Why a model cannot be had.

#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("there is no model {0:?}; known are {1}, or give the path of a .safetensors file")]
    Unknown(String, String),
    #[error("the weights are not here: {0}")]
    Absent(String),
    #[error("the weights file {0:?} cannot be read: {1}")]
    Read(String, std::io::Error),
    #[error("the weights of {0:?} are not a Sfumato model: {why}", why = one_line(.1))]
    Header(String, String),
    #[error("the weights of {0:?} cannot be used: {why}", why = one_line(.1))]
    Weights(String, String),
}

/// Text from a file, without line breaks and other controls, and not too long.
fn one_line(text: &str) -> String {
    text.chars().take(300).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
