//! Which lines of a transcript a person needs: each change, and each new thing that is waited for, once.
//!
//! A run's own waiting is left out, measurements that say the same again are counted, and of a wait that only counts pods
//! the first line stays.

use crate::simulation::{Line, News};
use chrono::{DateTime, Utc};

/// A line, and how often it was said.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) line: Line,
    pub(crate) times: usize,
    pub(crate) last: DateTime<Utc>,
}

/// The rows of a story.
pub(crate) fn rows(lines: Vec<Line>) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for line in lines {
        if is_of_run(&line) && line.news == News::Waits {
            continue;
        }
        match earlier(&mut rows, &line) {
            Some(row) if line.news == News::Done => {
                row.times += usize::from(row.last != line.at);
                row.last = line.at;
            }
            Some(_) => {}
            None => rows.push(Row { times: 1, last: line.at, line }),
        }
    }
    rows
}

fn is_of_run(line: &Line) -> bool {
    line.who.starts_with("AnalysisRun ")
}

/// The row that says the same already, if nothing happened between.
fn earlier<'a>(rows: &'a mut [Row], line: &Line) -> Option<&'a mut Row> {
    let is_near = |row: &&mut Row| row.line.step == line.step && row.line.weight == line.weight;
    let says_so = |row: &&mut Row| row.line.who == line.who && row.line.news == line.news;
    match line.news {
        News::Noted | News::Wrong => None,
        News::Done if is_of_run(line) => {
            let runs = rows.iter_mut().rev().take_while(|row| is_of_run(&row.line)).filter(is_near);
            runs.filter(says_so).find(|row| row.line.why == line.why)
        }
        News::Done => rows.last_mut().filter(says_so).filter(|row| row.line.why == line.why),
        News::Waits => {
            let own = rows.iter_mut().rev().find(|row| row.line.who == line.who)?;
            Some(own).filter(is_near).filter(says_so).filter(|row| shape(&row.line.why) == shape(&line.why))
        }
    }
}

/// A text without its numbers.
fn shape(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_ascii_digit()).collect()
}

#[cfg(test)]
mod tests {
    use super::rows;
    use crate::simulation::{Line, News, beginning};
    use chrono::TimeDelta;

    fn line(secs: i64, news: News, who: &str, why: &str) -> Line {
        Line::of(news, beginning() + TimeDelta::seconds(secs), who, why)
    }

    #[test]
    fn what_is_said_again_is_counted_or_left_out() {
        let (web, run) = ("Rollout default/web", "AnalysisRun default/web-2");
        let told = rows(vec![
            line(0, News::Waits, web, "0 of 2 pods of web-1 are available"),
            line(1, News::Waits, web, "1 of 2 pods of web-1 are available"),
            line(2, News::Done, web, "step 1 of 2 is complete"),
            line(2, News::Done, web, "step 1 of 2 is complete"),
            line(3, News::Done, run, "metric a measured [1]: Successful"),
            line(3, News::Waits, run, "metric a is measured again at 12:00:13"),
            line(4, News::Done, run, "metric b measured [7]: Successful"),
            line(13, News::Done, run, "metric a measured [1]: Successful"),
            line(14, News::Done, run, "metric b measured [8]: Successful"),
            line(20, News::Waits, web, "paused until 12:01:00"),
            line(23, News::Done, run, "metric a measured [1]: Successful"),
        ]);
        let told: Vec<_> =
            told.iter().map(|row| (row.line.why.as_str(), row.times, (row.last - beginning()).num_seconds())).collect();
        assert_eq!(
            told,
            [
                ("0 of 2 pods of web-1 are available", 1, 0),
                ("step 1 of 2 is complete", 1, 2),
                ("metric a measured [1]: Successful", 2, 13),
                ("metric b measured [7]: Successful", 1, 4),
                ("metric b measured [8]: Successful", 1, 14),
                ("paused until 12:01:00", 1, 20),
                ("metric a measured [1]: Successful", 1, 23),
            ]
        );
    }
}
