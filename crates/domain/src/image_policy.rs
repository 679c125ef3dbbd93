//! What a browser may do with an image's bytes, at whichever door they leave.

/// The content security policy of bytes that strangers uploaded, originals and renditions (security-and-reliability
/// 4.3): a browser shows them and does nothing else.
pub const IMAGE_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; sandbox";
