//! Reading configuration files: their text, the tables in it, the values of keys, and where in the
//! file something is wrong. Which keys there are is up to the programs.
//!
//! Compiled twice: `elbusd` takes these files in by their path, the library has them for the bridge.
//! None of it is worth an interface that others could come to rely on.
//!
//! | file | job |
//! |---|---|
//! | `text` | the text of a file, whole and bounded |
//! | `tables` | tables, taken apart key by key |
//! | `place` | line and column, and the line itself for a message |
//! | `sizes` | numbers and byte sizes |

pub mod place;
pub mod sizes;
pub mod tables;
pub mod text;
