//! The program that uses every public item of elbus 0.2, built against the original: proof that it
//! is a program for elbus 0.2. It ends successfully, or says what was not as expected.

#[path = "../../../compat/program/mod.rs"]
mod program;
mod shim;

fn main() {
    program::run();
}
