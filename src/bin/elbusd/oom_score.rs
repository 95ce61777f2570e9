//! How willingly the kernel ends this process when memory runs out.

/// Sets `/proc/self/oom_score_adj`. A refusal is logged and changes nothing: a lower value than
/// that of whoever has started the process takes privileges.
pub fn adjust(score: i16) {
    const FILE: &str = "/proc/self/oom_score_adj";
    if let Err(error) = std::fs::write(FILE, score.to_string()) {
        log::warn!("--oom-score-adj {score} has no effect: {FILE}: {error}");
    }
}
