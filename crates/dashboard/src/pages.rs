//! The pages, a file each; a page's template has the name of its file.

pub(crate) mod check;
pub(crate) mod failure;
pub(crate) mod home;
pub(crate) mod image;
pub(crate) mod image_delete;
pub(crate) mod image_edit;
pub(crate) mod image_metadata;
pub(crate) mod image_privacy;
pub(crate) mod images;
pub(crate) mod key_new;
pub(crate) mod key_reveal;
pub(crate) mod key_revoke;
pub(crate) mod key_rotate;
pub(crate) mod key_use;
pub(crate) mod keys;
pub(crate) mod login;
pub(crate) mod pictures;
pub(crate) mod setup;
pub(crate) mod upload;
