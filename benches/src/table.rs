//! A table, for a terminal and for Markdown.

/// Its first columns are text, the others are figures.
pub(crate) struct Table {
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    words: usize,
}

impl Table {
    /// `words` is how many columns are text.
    pub(crate) fn new(words: usize, head: &[&'static str]) -> Self {
        Self {
            head: head.to_vec(),
            rows: Vec::new(),
            words,
        }
    }

    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    pub(crate) fn text(&self) -> String {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells
                .map(|cell| cell.chars().count())
                .chain([self.head[column].chars().count()])
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<_> = (0..self.head.len()).map(width).collect();
        let line = |cells: &[String]| {
            let padded = cells.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
                if column < self.words {
                    format!("{cell:<width$}")
                } else {
                    format!("{cell:>width$}")
                }
            });
            let line: Vec<_> = padded.collect();
            line.join("  ").trim_end().to_owned() + "\n"
        };
        let head: Vec<_> = self.head.iter().map(|&cell| cell.to_owned()).collect();
        std::iter::once(line(&head))
            .chain(self.rows.iter().map(|row| line(row)))
            .collect()
    }

    pub(crate) fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let head: Vec<_> = self.head.iter().map(|&cell| cell.to_owned()).collect();
        let rule = (0..self.head.len()).map(|column| if column < self.words { "---" } else { "---:" });
        let rule: Vec<_> = rule.map(str::to_owned).collect();
        std::iter::once(line(&head))
            .chain([format!("|{}|\n", rule.join("|"))])
            .chain(self.rows.iter().map(|row| {
                let cells: Vec<_> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
                line(&cells)
            }))
            .collect()
    }
}
