//! The picture of a run: CPU time for each operation, as bars.

use std::fmt::Write as _;

use super::figures::Figures;

const WIDTH: f64 = 960.0;
const BARS_FROM: f64 = 400.0;
const BARS_LONG: f64 = 400.0;
const ROW: f64 = 22.0;

/// An SVG with refreshes above and checks below, cheapest first. A bar is the service's time and, in grey behind it, its Redis'.
pub(super) fn draw(figures: &[Figures], caption: &str) -> String {
    let mut body = String::new();
    let mut y = 30.0;
    text(&mut body, 16.0, y, "start", "title", "CPU seconds for 1,000 operations");
    y += 20.0;
    text(&mut body, 16.0, y, "start", "small", caption);
    for (title, refresh) in [("Refresh", true), ("Session check", false)] {
        y += 34.0;
        text(&mut body, 16.0, y, "start", "head", title);
        y += 10.0;
        y = bars(&mut body, y, figures, refresh);
    }
    y += 12.0;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y}\" width=\"{WIDTH}\" height=\"{y}\" role=\"img\">\n\
         <title>CPU seconds for 1,000 operations</title>\n\
         <style>text{{font:13px sans-serif;fill:#222}}.title{{font-size:18px;font-weight:600}}.head{{font-size:15px;font-weight:600}}\
         .small{{font-size:12px;fill:#555}}</style>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n{body}</svg>\n"
    )
}

fn bars(body: &mut String, mut y: f64, figures: &[Figures], refresh: bool) -> f64 {
    let mut shown: Vec<_> = figures.iter().filter(|one| one.refresh == refresh).collect();
    shown.sort_by(|one, other| total(one).total_cmp(&total(other)));
    let longest = shown.last().map_or(1.0, |one| total(one));
    for one in shown {
        let fill = match one.contestant {
            name if name.starts_with("ours") => "#1a7f5a",
            name if name.starts_with("floor") => "#8aa0b5",
            _ => "#c4622d",
        };
        let service = one.service_cpu / longest * BARS_LONG;
        let redis = one.redis_cpu.unwrap_or(0.0) / longest * BARS_LONG;
        let name = if one.contestant.starts_with("ours") && !refresh {
            format!("{}: {}", one.title, one.route)
        } else {
            one.title.to_owned()
        };
        text(body, BARS_FROM - 8.0, y + 14.0, "end", "label", &name);
        rectangle(body, BARS_FROM, y + 3.0, service, fill);
        rectangle(body, BARS_FROM + service, y + 3.0, redis, "#cccccc");
        let figure = match one.redis_cpu {
            Some(redis) => format!("{:.3} + {redis:.3} Redis", one.service_cpu),
            None => format!("{:.3}", one.service_cpu),
        };
        text(
            body,
            BARS_FROM + service + redis + 6.0,
            y + 14.0,
            "start",
            "label",
            &figure,
        );
        y += ROW;
    }
    y
}

fn total(one: &Figures) -> f64 {
    one.service_cpu + one.redis_cpu.unwrap_or(0.0)
}

fn rectangle(body: &mut String, x: f64, y: f64, width: f64, fill: &str) {
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(
        body,
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"15\" fill=\"{fill}\"/>"
    );
}

fn text(body: &mut String, x: f64, y: f64, anchor: &str, class: &str, content: &str) {
    let content = content.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(
        body,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" class=\"{class}\">{content}</text>"
    );
}
