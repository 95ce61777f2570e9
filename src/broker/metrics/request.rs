//! The head of a request, as far as it matters here (RFC 9110 and 9112), and what it deserves.

/// The only resource.
const PATH: &str = "/metrics";

/// What ends a head.
pub(super) const HEAD_END: &[u8] = b"\r\n\r\n";

/// A request that is answered with metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    /// Without the metrics.
    Head,
}

/// A request that is not.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: &'static str,
    /// For whoever has asked, and for the log.
    pub(super) why: &'static str,
    /// A field of the answer's head.
    pub(super) field: &'static str,
}

impl Refusal {
    pub(super) const fn malformed(why: &'static str) -> Self {
        Self {
            status: "400 Bad Request",
            why,
            field: "",
        }
    }
}

const NOT_FOUND: Refusal = Refusal {
    status: "404 Not Found",
    why: "there is nothing but /metrics here",
    field: "",
};

const NOT_ALLOWED: Refusal = Refusal {
    status: "405 Method Not Allowed",
    why: "metrics can only be read: GET or HEAD",
    field: "Allow: GET, HEAD\r\n",
};

/// Reads a head, which ends with an empty line.
///
/// # Errors
///
/// What to answer instead of metrics.
pub(super) fn read(head: &[u8]) -> Result<Method, Refusal> {
    let head = std::str::from_utf8(head)
        .map_err(|_| Refusal::malformed("the head of the request is not UTF-8"))?;
    let mut lines = head.split("\r\n");
    let request = lines.next().unwrap_or_default();
    let mut words = request.split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Refusal::malformed(
            "the first line is not METHOD TARGET VERSION",
        ));
    };
    if !is_token(method) || !target.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Refusal::malformed(
            "the first line has characters that it may not have",
        ));
    }
    let hosts = count_hosts(lines)?;
    match version {
        "HTTP/1.1" if hosts != 1 => {
            return Err(Refusal::malformed("there has to be one field Host"));
        }
        "HTTP/1.0" | "HTTP/1.1" => {}
        _ => return Err(Refusal::malformed("this is neither HTTP/1.1 nor HTTP/1.0")),
    }
    let path = target.split('?').next();
    match (path, method) {
        (Some(PATH), "GET") => Ok(Method::Get),
        (Some(PATH), "HEAD") => Ok(Method::Head),
        (Some(PATH), _) => Err(NOT_ALLOWED),
        _ => Err(NOT_FOUND),
    }
}

/// Looks at the fields, of which only `Host` is of interest.
fn count_hosts<'a>(lines: impl Iterator<Item = &'a str>) -> Result<usize, Refusal> {
    let mut hosts = 0;
    for line in lines.take_while(|line| !line.is_empty()) {
        let field = line.split_once(':');
        let Some((name, _)) = field.filter(|(name, value)| is_token(name) && is_text(value)) else {
            return Err(Refusal::malformed("a line of the head is not NAME: VALUE"));
        };
        hosts += usize::from(name.eq_ignore_ascii_case("host"));
    }
    Ok(hosts)
}

fn is_token(text: &str) -> bool {
    let is_of_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_of_token)
}

fn is_text(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte == b'\t' || !byte.is_ascii_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(head: &str) -> &'static str {
        read(head.as_bytes()).map_or_else(|refusal| refusal.status, |_| "200 OK")
    }

    #[test]
    fn metrics_can_be_had_and_looked_for() {
        for (head, method) in [
            (
                "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
                Method::Get,
            ),
            ("GET /metrics?x=1 HTTP/1.1\r\nhOST:\r\n\r\n", Method::Get),
            ("GET /metrics HTTP/1.0\r\n\r\n", Method::Get),
            (
                "HEAD /metrics HTTP/1.1\r\nUser-Agent: a: b\tü\r\nHost: a\r\n\r\n",
                Method::Head,
            ),
        ] {
            assert_eq!(read(head.as_bytes()), Ok(method), "{head:?}");
        }
    }

    #[test]
    fn other_paths_and_other_methods() {
        for target in [
            "/",
            "/metrics/",
            "/metric",
            "//metrics",
            "*",
            "metrics",
            "/METRICS",
        ] {
            let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
            assert_eq!(status(&head), NOT_FOUND.status, "{head:?}");
        }
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "get", "X"] {
            let head = format!("{method} /metrics HTTP/1.0\r\n\r\n");
            assert_eq!(status(&head), NOT_ALLOWED.status, "{head:?}");
        }
    }

    #[test]
    fn malformed_heads() {
        for head in [
            "\r\n\r\n",
            "GET\r\n\r\n",
            "GET /metrics\r\n\r\n",
            "GET  /metrics HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /metrics HTTP/1.1 \r\nHost: a\r\n\r\n",
            " GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /metrics HTTP/1.1\r\n\r\n",
            "GET /metrics HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
            "GET /metrics HTTP/2.0\r\nHost: a\r\n\r\n",
            "GET /metrics http/1.1\r\nHost: a\r\n\r\n",
            "GET /metrics HTTP/1.1\r\nHost : a\r\n\r\n",
            "GET /metrics HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
            "GET /metrics HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
            "GET /metrics HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
            "GET /metrics HTTP/1.1\r\nHost: a\0\r\n\r\n",
            "GET /metr\tics HTTP/1.0\r\n\r\n",
            "G\u{7f}T /metrics HTTP/1.0\r\n\r\n",
        ] {
            assert_eq!(status(head), "400 Bad Request", "{head:?}");
        }
        assert!(read(b"GET /metrics HTTP/1.0\r\nX: \xff\r\n\r\n").is_err());
    }
}
