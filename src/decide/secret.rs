//! Keyed draws: the same for whoever has the key, not to be foreseen without it.

use std::borrow::Cow;
use std::collections::BTreeMap;
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

    /// By draw where its key comes from; one that the policy tells is told.
    pub fn named(policy: &Policy) -> Vec<String> {
        let of = |key: &Key| match key {
            Key::Text(it) => format!("key {it:?}"),
            Key::Environment(name) => format!("key from environment {name}"),
        };
        policy.draws.iter().map(|it| of(&it.key)).collect()
    }

    /// The same for the record of a run, with a hash of each secret key: by it a replay finds out
    /// whether it has the same one. It is slow, and of each run another, so that nobody finds a key
    /// by trying many. `run` tells the run from others: the hashes of what it reads.
    ///
    /// Errors: as `of`.
    pub fn recorded(policy: &Policy, run: &str) -> Result<Vec<String>, Trouble> {
        let mut known: BTreeMap<String, String> = BTreeMap::new();
        let mut res = Secrets::named(policy);
        for (record, draw) in res.iter_mut().zip(&policy.draws) {
            let Key::Environment(name) = &draw.key else { continue };
            let text = text(&draw.key)?;
            let hash = known.entry(text.clone()).or_insert_with(|| {
                let salt =
                    blake3::derive_key("tamis 2026 salt", format!("{name} {run}").as_bytes());
                slow_hash(&text, &hexadecimal(&salt[..16]))
            });
            *record += &format!(", {hash}");
        }
        Ok(res)
    }

    /// The variables whose keys are not those that a run was recorded with.
    ///
    /// Errors: as `of`.
    pub fn foreign(policy: &Policy, recorded: &[String]) -> Result<Vec<String>, Trouble> {
        let mut res = Vec::new();
        for (draw, record) in policy.draws.iter().zip(recorded) {
            let Key::Environment(name) = &draw.key else { continue };
            let hash = record.split_once(", ").map(|it| it.1).unwrap_or_default();
            let salt = hash.split(' ').nth(2).unwrap_or_default();
            let text = text(&draw.key)?;
            if hash.starts_with(SLOW) && slow_hash(&text, salt) != hash {
                res.push(name.to_string());
            }
        }
        res.dedup();
        Ok(res)
    }

    /// Below a million, for one draw and one declaration. Each stratum is drawn apart. Strata and
    /// keys are in the form that does not depend on how they are written.
    pub fn number(
        &self,
        draw: usize,
        channels: [&str; 2],
        strata: &[Option<Arc<str>>],
        keys: &[Cow<str>],
    ) -> u32 {
        let Some(key) = self.draws.get(draw) else { return u32::MAX };
        let mut hash = blake3::Hasher::new_keyed(key);
        channels.into_iter().for_each(|it| part(&mut hash, Some(it)));
        strata.iter().for_each(|it| part(&mut hash, it.as_deref()));
        keys.iter().for_each(|it| part(&mut hash, Some(it)));
        u32::try_from(first(&hash) % MILLION).unwrap_or(u32::MAX)
    }

    /// Settles ties.
    pub fn order(&self, keys: &[Cow<str>]) -> u64 {
        let mut hash = blake3::Hasher::new_keyed(&self.order);
        keys.iter().for_each(|it| part(&mut hash, Some(it)));
        first(&hash)
    }
}

/// The method, as records name it.
const SLOW: &str = "pbkdf2-hmac-sha256";
const ROUNDS: u32 = 600_000;

/// `pbkdf2-hmac-sha256 600000 SALT HASH`; the salt is the text of its digits.
fn slow_hash(text: &str, salt: &str) -> String {
    let mut hash = [0; 32];
    pbkdf2::pbkdf2_hmac::<sha2::Sha256>(text.as_bytes(), salt.as_bytes(), ROUNDS, &mut hash);
    format!("{SLOW} {ROUNDS} {salt} {}", hexadecimal(&hash))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|it| format!("{it:02x}")).collect()
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
