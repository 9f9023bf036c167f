//! Keyed draws: the same for whoever has the key, not to be foreseen without it.

use std::sync::Arc;

use crate::ir::Policy;
use crate::ir::policy::Key;
use crate::trouble::Trouble;

/// The keys of the draws of a policy.
#[derive(Debug, Clone)]
pub struct Secrets {
    /// By draw.
    draws: Vec<[u8; blake3::KEY_LEN]>,
    order: [u8; blake3::KEY_LEN],
}

const MILLION: u64 = 1_000_000;

impl Secrets {
    /// Errors: a key that should stand in the environment and does not.
    pub fn of(policy: &Policy) -> Result<Secrets, Trouble> {
        let texts = policy.draws.iter().map(|it| text(&it.key));
        let texts = texts.collect::<Result<Vec<String>, Trouble>>()?;
        let key = |text: &str| blake3::derive_key("tamis 2026 draw", text.as_bytes());
        // Ties are settled by the first key: who cannot foresee the draw cannot foresee them.
        let first = texts.first().map_or(&*policy.name, String::as_str);
        let order = blake3::derive_key("tamis 2026 order", first.as_bytes());
        Ok(Secrets { draws: texts.iter().map(|it| key(it)).collect(), order })
    }

    /// By draw what may be written down: the key of the policy, or the hash of a secret one.
    ///
    /// Errors: as `of`.
    pub fn recorded(policy: &Policy) -> Result<Vec<String>, Trouble> {
        let record = |key: &Key| match key {
            Key::Text(it) => Ok(format!("key {it:?}")),
            Key::Environment(name) => {
                let hash = blake3::derive_key("tamis 2026 record", text(key)?.as_bytes());
                let hash = blake3::Hash::from_bytes(hash).to_hex();
                Ok(format!("key from environment {name}, blake3 {hash}"))
            }
        };
        policy.draws.iter().map(|it| record(&it.key)).collect()
    }

    /// Below a million, for one draw and one declaration. Each stratum is drawn apart.
    pub fn number(
        &self,
        draw: usize,
        channels: [&str; 2],
        strata: &[Option<Arc<str>>],
        keys: &[String],
    ) -> u32 {
        let Some(key) = self.draws.get(draw) else { return u32::MAX };
        let mut hash = blake3::Hasher::new_keyed(key);
        channels.into_iter().for_each(|it| part(&mut hash, Some(it)));
        strata.iter().for_each(|it| part(&mut hash, it.as_deref()));
        keys.iter().for_each(|it| part(&mut hash, Some(it)));
        u32::try_from(first(&hash) % MILLION).unwrap_or(u32::MAX)
    }

    /// Settles ties.
    pub fn order(&self, keys: &[String]) -> u64 {
        let mut hash = blake3::Hasher::new_keyed(&self.order);
        keys.iter().for_each(|it| part(&mut hash, Some(it)));
        first(&hash)
    }
}

fn text(key: &Key) -> Result<String, Trouble> {
    match key {
        Key::Text(it) => Ok(it.to_string()),
        Key::Environment(name) => match std::env::var(&**name) {
            Ok(it) if !it.is_empty() => Ok(it),
            Ok(_) | Err(_) => {
                let message =
                    format!("the policy draws with the key in `{name}`, which is not set");
                Err(Trouble::usage(message)
                    .help("set it in the environment of the command, the same for every replay"))
            }
        },
    }
}

/// With its length, so that no two lists of parts look alike.
fn part(hash: &mut blake3::Hasher, it: Option<&str>) {
    let length = it.map_or(u64::MAX, |it| it.len() as u64);
    hash.update(&length.to_le_bytes());
    hash.update(it.unwrap_or_default().as_bytes());
}

fn first(hash: &blake3::Hasher) -> u64 {
    let mut bytes = [0; 8];
    hash.finalize_xof().fill(&mut bytes);
    u64::from_le_bytes(bytes)
}
