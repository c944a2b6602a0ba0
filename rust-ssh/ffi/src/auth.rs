//! Logging in.

use core::ptr::null;

use rust_ssh::agent;
use rust_ssh::auth::client::{Method, Outcome};
use rust_ssh::error::{Error, Usage};
use rust_ssh::keys::private::{PrivateKey, UserKey};
use rust_ssh::session::Session;
use rust_ssh::text;
use rust_ssh::wire::Reader;

use crate::driver::{Driver, Stop, status};
use crate::session::{Block, call, look};
use crate::slice;

const AUTH_PARTIAL: i32 = 1;
const AUTH_ASKED: i32 = 2;

const PROMPT_NEW_PASSWORD: i32 = -3;
const PROMPT_NAME: i32 = -2;
const PROMPT_INSTRUCTION: i32 = -1;

fn result(outcome: Outcome) -> Result<i32, Stop> {
    match outcome {
        Outcome::Success => Ok(status::OK),
        Outcome::Partial => Ok(AUTH_PARTIAL),
        Outcome::Asked => Ok(AUTH_ASKED),
        Outcome::Failure => Err(Error::from(Usage::AuthFailed).into()),
    }
}

/// # Safety
/// See the crate's contract.
pub(crate) unsafe fn login(s: *mut Block, user: *const u8, user_len: usize, method: &Method<'_>) -> i32 {
    // SAFETY: by contract.
    unsafe {
        let user = slice::bytes(user, user_len);
        let run = |driver: &mut Driver| result(driver.run(|session| session.login(user, method))?);
        call(s, |code| code, run)
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_auth_ready(s: *mut Block) -> i32 {
    // SAFETY: by contract.
    unsafe { call(s, i32::from, |driver| driver.run(Session::login_ready)) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_auth_none(s: *mut Block, user: *const u8, user_len: usize) -> i32 {
    // SAFETY: by contract.
    unsafe { login(s, user, user_len, &Method::None) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_auth_password(
    s: *mut Block,
    user: *const u8,
    user_len: usize,
    password: *const u8,
    password_len: usize,
) -> i32 {
    // SAFETY: by contract.
    unsafe { login(s, user, user_len, &Method::Password(slice::bytes(password, password_len))) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_auth_new_password(
    s: *mut Block,
    user: *const u8,
    user_len: usize,
    password: *const u8,
    password_len: usize,
    new: *const u8,
    new_len: usize,
) -> i32 {
    // SAFETY: by contract.
    unsafe {
        let method = Method::NewPassword(slice::bytes(password, password_len), slice::bytes(new, new_len));
        login(s, user, user_len, &method)
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_auth_publickey(
    s: *mut Block,
    user: *const u8,
    user_len: usize,
    key: *const PrivateKey,
    cert: *const u8,
    cert_len: usize,
) -> i32 {
    // SAFETY: by contract; key is null or one that ssh_key_parse() has set up.
    unsafe {
        let cert = slice::bytes(cert, cert_len);
        match key.as_ref() {
            Some(key) => login(s, user, user_len, &Method::PublicKey(UserKey { key, cert })),
            None => status::ERROR,
        }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_auth_query(
    s: *mut Block,
    user: *const u8,
    user_len: usize,
    blob: *const u8,
    blob_len: usize,
) -> i32 {
    // SAFETY: by contract.
    unsafe { login(s, user, user_len, &Method::Query(slice::bytes(blob, blob_len))) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_auth_algorithm(
    s: *const Block,
    blob: *const u8,
    blob_len: usize,
    len: *mut usize,
    flags: *mut u32,
) -> *const u8 {
    // SAFETY: by contract; flags is null or can be written to. The name is static or in the caller's blob.
    unsafe {
        let name = look(s).and_then(|driver| driver.session.algorithm(slice::bytes(blob, blob_len)).ok());
        let name = name.unwrap_or_default();
        if !flags.is_null() {
            *flags = agent::flags(name);
        }
        slice::give(name.as_bytes(), len)
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_auth_to_sign(
    s: *const Block,
    user: *const u8,
    user_len: usize,
    blob: *const u8,
    blob_len: usize,
    out: *mut u8,
    out_len: usize,
) -> usize {
    // SAFETY: by contract.
    unsafe {
        let (user, blob, out) =
            (slice::bytes(user, user_len), slice::bytes(blob, blob_len), slice::bytes_mut(out, out_len));
        look(s).and_then(|driver| driver.session.to_sign(user, blob, out).ok()).unwrap_or(0)
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_auth_signed(
    s: *mut Block,
    user: *const u8,
    user_len: usize,
    blob: *const u8,
    blob_len: usize,
    signature: *const u8,
    signature_len: usize,
) -> i32 {
    // SAFETY: by contract.
    unsafe {
        let method = Method::Signed(slice::bytes(blob, blob_len), slice::bytes(signature, signature_len));
        login(s, user, user_len, &method)
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_auth_keyboard(
    s: *mut Block,
    user: *const u8,
    user_len: usize,
    submethods: *const u8,
    submethods_len: usize,
) -> i32 {
    // SAFETY: by contract.
    unsafe { login(s, user, user_len, &Method::Keyboard(slice::bytes(submethods, submethods_len))) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_auth_answer(s: *mut Block, answers: *const u8, len: usize) -> i32 {
    // SAFETY: by contract.
    unsafe {
        let answers = slice::bytes(answers, len);
        call(s, |code| code, |driver| result(driver.run(|session| session.answer(answers))?))
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_auth_prompts(s: *const Block) -> i32 {
    // SAFETY: by contract.
    let prompts = unsafe { look(s) }.and_then(|driver| driver.session.prompts());
    prompts.and_then(|prompts| i32::try_from(prompts.count).ok()).unwrap_or(-1)
}

/// The text `index` of what the server asks.
fn prompt(driver: &Driver, index: i32) -> Option<(&[u8], bool)> {
    let session = &driver.session;
    match index {
        PROMPT_NEW_PASSWORD => Reader::new(session.question()).string().ok().map(|text| (text, false)),
        PROMPT_NAME => session.prompts().map(|prompts| (prompts.name, false)),
        PROMPT_INSTRUCTION => session.prompts().map(|prompts| (prompts.instruction, false)),
        _ => session.prompts()?.get(u32::try_from(index).ok()?),
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_auth_prompt(s: *const Block, index: i32, len: *mut usize, echo: *mut bool) -> *const u8 {
    // SAFETY: by contract; echo is null or can be written to.
    unsafe {
        let Some((text, shown)) = look(s).and_then(|driver| prompt(driver, index)) else {
            slice::give(&[], len);
            return null();
        };
        if !echo.is_null() {
            *echo = shown;
        }
        slice::give(text, len)
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_printable(text: *const u8, len: usize, out: *mut u8) -> usize {
    // SAFETY: by contract; out has room for len bytes.
    unsafe { text::printable(slice::bytes(text, len), slice::bytes_mut(out, len)) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_is_authenticated(s: *const Block) -> bool {
    // SAFETY: by contract.
    unsafe { look(s) }.is_some_and(|driver| driver.session.auth().is_done())
}
