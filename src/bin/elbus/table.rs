//! Plain tables: one row per line, every cell safe to show.

use std::fmt;
use std::iter::zip;

use crate::escape::printable;

/// Where the text of a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    Left,
    Right,
}

/// Rows under the titles of their columns. Displayed, the columns are aligned.
pub struct Table<const COLUMNS: usize> {
    columns: [(&'static str, Align); COLUMNS],
    rows: Vec<[String; COLUMNS]>,
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    /// A table without rows.
    pub fn new(columns: [(&'static str, Align); COLUMNS]) -> Self {
        Self {
            columns,
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: [&str; COLUMNS]) {
        self.rows
            .push(cells.map(|cell| printable(cell).into_owned()));
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The bare rows for other programs: cells separated by tabs, which no cell contains.
    pub fn tab_separated(&self) -> String {
        let lines: Vec<String> = self.rows.iter().map(|cells| cells.join("\t")).collect();
        lines.join("\n")
    }

    fn widths(&self) -> [usize; COLUMNS] {
        let mut widths = self.columns.map(|(title, _)| title.chars().count());
        for cells in &self.rows {
            for (width, cell) in zip(&mut widths, cells) {
                *width = (*width).max(cell.chars().count());
            }
        }
        widths
    }

    fn aligned<'a>(&self, widths: &[usize], cells: impl Iterator<Item = &'a str>) -> String {
        let mut line = String::new();
        for ((cell, &width), (_, align)) in zip(zip(cells, widths), self.columns) {
            if !line.is_empty() {
                line.push_str("  ");
            }
            line.push_str(&match align {
                Align::Left => format!("{cell:<width$}"),
                Align::Right => format!("{cell:>width$}"),
            });
        }
        line.truncate(line.trim_end().len());
        line
    }
}

impl<const COLUMNS: usize> fmt::Display for Table<COLUMNS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        let titles = self.columns.iter().map(|(title, _)| *title);
        let rules: Vec<String> = widths.iter().map(|&width| "-".repeat(width)).collect();
        f.write_str(&self.aligned(&widths, titles))?;
        write!(f, "\n{}", rules.join("  "))?;
        for cells in &self.rows {
            let cells = cells.iter().map(String::as_str);
            write!(f, "\n{}", self.aligned(&widths, cells))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Table<3> {
        let mut table = Table::new([
            ("name", Align::Left),
            ("queue", Align::Right),
            ("port", Align::Left),
        ]);
        table.row(["plant.line1", "12", "bus.sock"]);
        table.row(["ü", "100000", "-"]);
        table
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let expected = "\
name          queue  port
-----------  ------  --------
plant.line1      12  bus.sock
ü            100000  -";
        assert_eq!(sample().to_string(), expected);
    }

    #[test]
    fn an_empty_table_is_its_header() {
        let table = Table::new([("a", Align::Left), ("bcd", Align::Right)]);
        assert_eq!(table.to_string(), "a  bcd\n-  ---");
        assert_eq!(table.tab_separated(), "");
    }

    #[test]
    fn bare_rows_are_separated_by_tabs() {
        let expected = "plant.line1\t12\tbus.sock\nü\t100000\t-";
        assert_eq!(sample().tab_separated(), expected);
    }

    #[test]
    fn h13_cells_cannot_leave_their_place() {
        let mut table = Table::new([("a", Align::Left), ("b", Align::Left)]);
        table.row(["x\ty\nz", "\x1b[2J"]);
        assert_eq!(table.tab_separated(), "x\\ty\\nz\t\\u{1b}[2J");
        assert_eq!(table.to_string().lines().count(), 3);
    }

    #[test]
    fn empty_first_cells_keep_the_columns_in_line() {
        let mut table = Table::new([("a", Align::Left), ("b", Align::Left)]);
        table.row(["", "x"]);
        assert_eq!(table.to_string(), "a  b\n-  -\n   x");
    }
}
