//! The acts of the audit log in words.

/// The acts that people know by these words, in the order in which they are offered.
pub(crate) const KNOWN_ACTS: &[(&str, &str)] = &[
    ("image.upload", "Image uploaded"),
    ("image.update", "Image changed"),
    ("image.privacy", "Access of an image changed"),
    ("image.remove", "Image deleted"),
    ("image.download", "Original downloaded"),
    ("variant.create", "Variant created"),
    ("variant.update", "Variant changed"),
    ("variant.remove", "Variant deleted"),
    ("key.create", "Signing key created"),
    ("key.put", "Signing key set"),
    ("key.import", "Signing key imported"),
    ("key.rotate", "Signing key rotated"),
    ("key.use", "Signing key chosen"),
    ("key.revoke", "Signing key revoked"),
    ("key.reveal", "Signing key shown"),
    ("key.copy", "Signing key copied"),
    ("verifying_key.add", "Key of another service added"),
    ("verifying_key.retire", "Key of another service retired"),
    ("verifying_key.revoke", "Key of another service revoked"),
    ("scheme.set", "Signing scheme changed"),
    ("mount.give", "Mount given"),
    ("mount.take", "Mount taken back"),
    ("token.issue", "API token issued"),
    ("token.revoke", "API token revoked"),
    ("account.create", "Account created"),
    ("account.set", "Rule changed"),
    ("account.rename", "Account renamed"),
    ("person.create", "Person added"),
    ("person.role", "Role changed"),
    ("session.start", "Signed in"),
    ("session.password", "Password typed"),
    ("session.end", "Signed out"),
    ("dashboard.request", "Asked for more than the role allows"),
    ("api.request", "Asked for more than the token allows"),
];

/// An act in words; one that is not known stands for itself.
pub(crate) fn act_words(act: &str) -> &str {
    KNOWN_ACTS.iter().find(|(known, _)| *known == act).map_or(act, |(_, words)| words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_act_is_told_in_words_or_stands_for_itself() {
        assert_eq!((act_words("key.revoke"), act_words("future.act")), ("Signing key revoked", "future.act"));
        let words: std::collections::HashSet<_> = KNOWN_ACTS.iter().map(|(_, words)| words).collect();
        assert_eq!(words.len(), KNOWN_ACTS.len());
    }
}
