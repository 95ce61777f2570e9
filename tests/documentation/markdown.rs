//! What the tests need to know of a page in Markdown: its fenced blocks, its headings, its links.

/// A fenced block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The words behind the fence, as in `sh test broker`.
    pub info: Vec<String>,
    pub text: String,
    /// Where it begins, from 1.
    pub line: usize,
}

impl Block {
    /// Whether the words behind the fence begin with these.
    pub fn is(&self, words: &[&str]) -> bool {
        self.info.len() >= words.len() && self.info.iter().zip(words).all(|(a, b)| a == b)
    }
}

/// A page, taken apart.
#[derive(Debug, Default)]
pub struct Page {
    pub blocks: Vec<Block>,
    pub headings: Vec<String>,
    /// Where each link leads to, and its line.
    pub links: Vec<(String, usize)>,
    /// Lines of text outside of blocks, for instance those of tables.
    pub prose: Vec<String>,
}

impl Page {
    /// # Panics
    ///
    /// If a block has no end.
    pub fn read(text: &str) -> Self {
        let mut page = Self::default();
        let mut open: Option<Block> = None;
        for (number, line) in text.lines().enumerate() {
            let fence = line.trim_start().strip_prefix("```");
            match (&mut open, fence) {
                (None, Some(info)) => {
                    open = Some(Block {
                        info: info.split([' ', ',']).map(str::to_owned).collect(),
                        text: String::new(),
                        line: number + 1,
                    });
                }
                (Some(_), Some(_)) => page.blocks.extend(open.take()),
                (Some(block), None) => {
                    block.text.push_str(line);
                    block.text.push('\n');
                }
                (None, None) => page.read_prose(line, number + 1),
            }
        }
        if let Some(block) = open {
            panic!("the block of line {} has no end", block.line);
        }
        page
    }

    fn read_prose(&mut self, line: &str, number: usize) {
        self.prose.push(line.to_owned());
        if line.starts_with('#') {
            let heading = line.trim_start_matches('#');
            self.headings.push(heading.trim().to_owned());
        }
        let text = without_code(line);
        let mut rest = text.as_str();
        while let Some((_, after)) = rest.split_once("](") {
            let Some((target, behind)) = after.split_once(')') else {
                break;
            };
            self.links.push((target.to_owned(), number));
            rest = behind;
        }
    }

    /// The anchors that the headings make, on a forge and in the book alike.
    pub fn anchors(&self) -> Vec<String> {
        self.headings
            .iter()
            .map(|heading| anchor(heading))
            .collect()
    }
}

/// A line without what stands in backquotes, which is no link.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

/// Small letters, digits, `_` and `-`; blanks become `-`, and everything else goes.
fn anchor(heading: &str) -> String {
    heading
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            '-' | '_' => Some(c),
            c if c.is_alphanumeric() => Some(c.to_ascii_lowercase()),
            _ => None,
        })
        .collect()
}

#[test]
fn blocks_headings_and_links_are_found() {
    let page = Page::read(
        "# A `b.c` page\n[one](x.md#y) and `[no](link)` and ![two](z.svg)\n```sh test t\n# no\nls\n```\n",
    );
    assert_eq!(page.headings, ["A `b.c` page"]);
    assert_eq!(page.anchors(), ["a-bc-page"]);
    assert_eq!(page.links, [("x.md#y".into(), 2), ("z.svg".into(), 2)]);
    assert_eq!(page.blocks[0].text, "# no\nls\n");
    assert!(page.blocks[0].is(&["sh", "test"]) && !page.blocks[0].is(&["text"]));
    assert_eq!(page.blocks[0].line, 3);
}
