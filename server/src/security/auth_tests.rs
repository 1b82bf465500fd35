//! Tests of [`super`] and of the key files, with real keys made on the spot.

use super::*;
use crate::security::keys::{KeySource, load_keys};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::path::PathBuf;

const NOW: UnixSeconds = UnixSeconds(2_000_000_000);

/// A folder of its own for the key files of one test, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("tickwire-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn write(&self, kind: &str, file: &str, content: impl AsRef<[u8]>) -> KeySource {
        let path = self.0.join(file);
        std::fs::write(&path, content).unwrap();
        format!("{kind}:{}", path.display()).parse().unwrap()
    }

    /// A key pair made by the certificate library, as two PEM files.
    fn pair(&self, kind: &str, algorithm: &'static rcgen::SignatureAlgorithm) -> [KeySource; 2] {
        let pair = rcgen::KeyPair::generate_for(algorithm).unwrap();
        [
            self.write(kind, &format!("{kind}-private.pem"), pair.serialize_pem()),
            self.write(kind, &format!("{kind}-public.pem"), pair.public_key_pem()),
        ]
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn claims() -> Claims {
    Claims {
        sub: "alice".into(),
        exp: NOW.0 + 60,
        ..Claims::default()
    }
}

fn rules(sources: &[KeySource]) -> JwtRules {
    JwtRules {
        keys: load_keys(sources).unwrap(),
        leeway: Duration::from_secs(10),
        issuer: None,
        audience: None,
    }
}

fn secret(n: u8) -> String {
    (0..32).map(|i| char::from(b'A' + (n + i) % 26)).collect()
}

fn token(source: &KeySource, claims: &Claims) -> String {
    make_token(claims, &source.load_signing().unwrap(), None).unwrap()
}

fn refusal(rules: &JwtRules, token: &str) -> AuthError {
    rules.check(token, NOW).unwrap_err()
}

#[test]
fn every_algorithm_verifies_what_its_key_signed_and_nothing_else() {
    let folder = Folder::new("algorithms");
    let hs256 = folder.write("hs256", "a.key", secret(0));
    let other = folder.write("hs256", "b.key", secret(1));
    let [es256_private, es256] = folder.pair("es256", &rcgen::PKCS_ECDSA_P256_SHA256);
    let [eddsa_private, eddsa] = folder.pair("eddsa", &rcgen::PKCS_ED25519);
    let pairs = [
        (&hs256, &hs256),
        (&es256_private, &es256),
        (&eddsa_private, &eddsa),
    ];
    for (signing, verifying) in pairs {
        let token = token(signing, &claims());
        let grant = rules(&[other.clone(), verifying.clone()])
            .check(&token, NOW)
            .unwrap();
        assert_eq!(grant.identity, Identity::Subject("alice".into()));
        assert_eq!(grant.expires_unix, Some(NOW.0 + 70));
        let wrong = rules(std::slice::from_ref(&other));
        let expected = if signing == &hs256 {
            AuthError::Signature
        } else {
            AuthError::Algorithm
        };
        assert_eq!(refusal(&wrong, &token), expected, "{signing}");
    }
}

#[test]
fn rsa_keys_verify_and_a_public_key_is_no_secret() {
    let folder = Folder::new("rsa");
    let private = folder.write(
        "rs256",
        "private.pem",
        include_str!("testdata/rsa-private.pem"),
    );
    let public_pem = include_str!("testdata/rsa-public.pem");
    let public = folder.write("rs256", "public.pem", public_pem);
    let rules = rules(&[public]);
    assert!(rules.check(&token(&private, &claims()), NOW).is_ok());
    // The classic confusion: HMAC with the public key's own text as the secret.
    let confused = folder.write("hs256", "confused.pem", public_pem);
    assert_eq!(
        refusal(&rules, &token(&confused, &claims())),
        AuthError::Algorithm
    );
}

#[test]
fn alg_none_and_unknown_algorithms_are_refused() {
    let folder = Folder::new("none");
    let rules = rules(&[folder.write("hs256", "a.key", secret(0))]);
    let payload = URL_SAFE_NO_PAD.encode(serde_json::to_string(&claims()).unwrap());
    for alg in ["none", "None", "NONE", "HS1", "HS512", "ES384"] {
        let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"{alg}","typ":"JWT"}}"#));
        for signature in ["", "AAAA"] {
            let token = format!("{header}.{payload}.{signature}");
            assert_eq!(refusal(&rules, &token), AuthError::Algorithm, "{alg}");
        }
    }
}

#[test]
fn damaged_tokens_never_panic_and_never_pass() {
    let folder = Folder::new("damaged");
    let source = folder.write("hs256", "a.key", secret(0));
    let rules = rules(std::slice::from_ref(&source));
    let good = token(&source, &claims());
    for end in 0..good.len() {
        assert!(rules.check(&good[..end], NOW).is_err());
    }
    let (signed, _) = good.rsplit_once('.').unwrap();
    let forged = format!("{signed}.{}", URL_SAFE_NO_PAD.encode([7; 32]));
    assert_eq!(refusal(&rules, &forged), AuthError::Signature);
    assert!(matches!(
        refusal(&rules, &"x".repeat(5_000)),
        AuthError::TooLong { .. }
    ));
    for text in ["", ".", "..", "...", "é.é.é", "a.b.c"] {
        assert_eq!(refusal(&rules, text), AuthError::Malformed);
    }
}

#[test]
fn times_are_checked_with_leeway_on_both_sides() {
    let folder = Folder::new("times");
    let source = folder.write("hs256", "a.key", secret(0));
    let rules = rules(std::slice::from_ref(&source));
    let check = |exp: i64, nbf: Option<i64>| {
        let at = |offset: i64| NOW.0.checked_add_signed(offset).unwrap();
        let claims = Claims {
            exp: at(exp),
            nbf: nbf.map(at),
            ..claims()
        };
        rules.check(&token(&source, &claims), NOW).map(|_| ())
    };
    assert_eq!(check(-9, None), Ok(()));
    assert_eq!(check(-10, None), Err(AuthError::Expired));
    assert_eq!(check(60, Some(10)), Ok(()));
    assert_eq!(check(60, Some(11)), Err(AuthError::NotYet));
}

#[test]
fn a_claim_of_the_wrong_type_is_no_absent_claim() {
    let folder = Folder::new("types");
    let source = folder.write("hs256", "a.key", secret(0));
    let rules = rules(std::slice::from_ref(&source));
    let key = source.load_signing().unwrap();
    let check = |json: &str| {
        let claims: serde_json::Value = serde_json::from_str(json).unwrap();
        let token = jsonwebtoken::encode(&Header::new(key.0), &claims, &key.1).unwrap();
        rules.check(&token, NOW).map(|_| ())
    };
    assert_eq!(check(r#"{"sub":"a","exp":2000000060.5,"aud":"x"}"#), Ok(()));
    for json in [
        r#"{"sub":"a"}"#,
        r#"{"exp":2000000060}"#,
        r#"{"sub":7,"exp":2000000060}"#,
        r#"{"sub":"a","exp":"2000000060"}"#,
        r#"{"sub":"a","exp":-1}"#,
        r#"{"sub":"a","exp":2000000060,"nbf":"never"}"#,
        r#"{"sub":"a","exp":2000000060,"rooms":"lobby"}"#,
        r#"{"sub":"a","exp":2000000060,"aud":7}"#,
        r#"["a"]"#,
    ] {
        assert_eq!(check(json), Err(AuthError::Malformed), "{json}");
    }
    assert_eq!(
        check(r#"{"sub":"","exp":2000000060}"#),
        Err(AuthError::Subject)
    );
    let bidi = r#"{"sub":"a","exp":2000000060,"name":"a\u202eb"}"#;
    assert_eq!(
        check(bidi),
        Err(AuthError::Name(NameError::Forbidden(0x202E)))
    );
}

#[test]
fn issuer_audience_and_rooms_are_checked_when_asked_for() {
    let folder = Folder::new("claims");
    let source = folder.write("hs256", "a.key", secret(0));
    let mut rules = rules(std::slice::from_ref(&source));
    rules.issuer = Some("login".into());
    rules.audience = Some("tickwire".into());
    let mut claims = Claims {
        iss: Some("login".into()),
        aud: vec!["web".into(), "tickwire".into()],
        rooms: Some(vec!["lobby".into()]),
        ..claims()
    };
    let grant = rules.check(&token(&source, &claims), NOW).unwrap();
    assert_eq!(grant.check_room("lobby"), Ok(()));
    assert_eq!(grant.check_room("other"), Err(AuthError::Room));
    claims.aud.pop();
    let refused = refusal(&rules, &token(&source, &claims));
    assert_eq!(refused, AuthError::Elsewhere { claim: "aud" });
    claims.iss = None;
    let refused = refusal(&rules, &token(&source, &claims));
    assert_eq!(refused, AuthError::Elsewhere { claim: "iss" });
}

#[test]
fn a_key_set_selects_by_id_and_skips_what_it_does_not_speak() {
    let folder = Folder::new("jwks");
    let b64 = |text: String| URL_SAFE_NO_PAD.encode(text);
    let set = format!(
        r#"{{"keys":[
            {{"kty":"oct","kid":"old","alg":"HS256","k":"{}"}},
            {{"kty":"oct","kid":"new","alg":"HS256","k":"{}"}},
            {{"kty":"oct","kid":"long","alg":"HS512","k":"{}"}}]}}"#,
        b64(secret(0)),
        b64(secret(1)),
        b64(secret(2)),
    );
    let rules = rules(&[folder.write("jwks", "keys.json", set)]);
    assert_eq!(rules.keys.len(), 2);
    let new = folder.write("hs256", "new.key", secret(1));
    let key = new.load_signing().unwrap();
    let named = |id: Option<&str>| make_token(&claims(), &key, id.map(str::to_owned)).unwrap();
    assert!(rules.check(&named(None), NOW).is_ok());
    assert!(rules.check(&named(Some("new")), NOW).is_ok());
    assert_eq!(refusal(&rules, &named(Some("old"))), AuthError::Signature);
    assert_eq!(refusal(&rules, &named(Some("who"))), AuthError::Algorithm);
}

#[test]
fn bad_key_files_are_refused_with_file_and_rule() {
    let folder = Folder::new("bad-keys");
    for (kind, content, expected) in [
        ("hs256", "short\n", "at least 32 bytes, this one has 5"),
        ("es256", "not a pem", "not a public key in PEM for ES256"),
        ("jwks", "{}", "not a JSON Web Key Set"),
        ("jwks", r#"{"keys":[]}"#, "no key for HS256"),
    ] {
        let source = folder.write(kind, "bad", content);
        let error = load_keys(&[source]).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("bad"), "{error}");
    }
    assert!(load_keys(&[]).unwrap_err().to_string().contains("0 keys"));
    for text in ["none:x", "hs256", "hs256:", "x.pem"] {
        let error = text.parse::<KeySource>().unwrap_err().to_string();
        assert!(error.contains("ALGORITHM:PATH"), "{error}");
    }
    let missing: KeySource = "hs256:/nonexistent/key".parse().unwrap();
    assert!(
        missing
            .load()
            .unwrap_err()
            .to_string()
            .contains("/nonexistent/key")
    );
}

#[test]
fn tokens_name_rooms_by_the_rule_of_the_handshake() {
    let folder = Folder::new("rooms");
    let key = folder.write("hs256", "a.key", secret(0));
    let key = key.load_signing().unwrap();
    let made = |room: &str| {
        let rooms = Some(vec![room.to_owned()]);
        make_token(&Claims { rooms, ..claims() }, &key, None)
    };
    for room in ["*", "lobby", "Room_1-b.c"] {
        assert!(made(room).is_ok(), "{room}");
    }
    let error = made("a b").unwrap_err();
    assert_eq!(error, "a room's name has 1 to 32 letters, digits, - _ .");
}

#[test]
fn an_open_server_asks_for_nothing() {
    let grant = Authenticator::Open.check(None, NOW).unwrap();
    assert_eq!(grant.identity, Identity::Anonymous);
    let folder = Folder::new("open");
    let jwt = Authenticator::Jwt(rules(&[folder.write("hs256", "a.key", secret(0))]));
    assert_eq!(jwt.check(None, NOW), Err(AuthError::Missing));
}
