//! Files that appear whole or not at all.

use std::path::Path;

use tempfile::NamedTempFile;

/// A file under another name, to be renamed when it is whole: with the permissions of any new
/// file, not the private ones of a temporary one.
///
/// Errors: a folder that cannot be written.
pub fn temporary(folder: &Path) -> std::io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".tamis-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}
