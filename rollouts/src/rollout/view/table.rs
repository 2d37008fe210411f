//! Columns that line up: each as wide as its widest cell, with two blanks between. Says nothing about what is in them.

use super::paint::{Line, Tone};

/// Blanks between columns.
const GAP: usize = 2;

/// The widths that the columns need, none less than its part of `at_least`.
pub fn widths(rows: &[Vec<Line>], at_least: &[usize]) -> Vec<usize> {
    let mut widths = at_least.to_vec();
    for row in rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.width().max(*width);
        }
    }
    widths
}

/// The rows as lines whose cells start where the widths say.
pub fn align(rows: Vec<Vec<Line>>, widths: &[usize]) -> Vec<Line> {
    rows.into_iter().map(|row| aligned(row, widths)).collect()
}

fn aligned(row: Vec<Line>, widths: &[usize]) -> Line {
    row.into_iter().zip(widths).fold(Line::default(), |line, (cell, width)| {
        let blanks = width.saturating_sub(cell.width()) + GAP;
        line.then(cell).and(" ".repeat(blanks), Tone::Plain)
    })
}

#[cfg(test)]
mod tests {
    use super::{align, widths};
    use crate::view::paint::print;

    #[test]
    fn columns_start_at_the_same_place() {
        let row = |cells: [&str; 3]| cells.map(Into::into).to_vec();
        let rows = vec![row(["NAME", "AGE", "INFO"]), row(["⟳ shop", "7d", ""]), row(["x", "", "y"])];
        let wide = widths(&rows, &[0, 5]);
        assert_eq!(wide, [6, 5, 4]);
        assert_eq!(print(&align(rows, &wide), false), "NAME    AGE    INFO\n⟳ shop  7d\nx              y\n");
    }
}
