//! A page of HTML with everything in it.

use crate::app::Picture;
use std::fmt::Write;

/// Plain, for paper and screen.
const STYLE: &str = "body{font:15px/1.45 sans-serif;color:#16181d;background:#fff;max-width:1000px;\
margin:24px auto;padding:0 16px}h1{font-size:24px}h2{font-size:18px;margin-top:28px}\
table{border-collapse:collapse}td,th{border:1px solid #c9ced8;padding:4px 10px;text-align:left}\
figure{display:inline-block;margin:0 10px 12px 0;vertical-align:top;max-width:320px}\
figcaption{font-size:13px;color:#4a5160}img{display:block;max-width:100%;image-rendering:pixelated}\
.caution{border-left:4px solid #c77700;padding-left:8px}pre{white-space:pre-wrap;font-size:12px}";

pub(super) struct Page(String);

impl Page {
    pub(super) fn new(title: &str) -> Self {
        let title = escaped(title);
        Self(format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
             <style>{STYLE}</style></head><body>\n<h1>{title}</h1>\n"
        ))
    }

    pub(super) fn heading(&mut self, text: &str) {
        self.put(format_args!("<h2>{}</h2>\n", escaped(text)));
    }

    pub(super) fn line(&mut self, text: &str) {
        self.put(format_args!("<p>{}</p>\n", escaped(text)));
    }

    pub(super) fn strong(&mut self, text: &str) {
        self.put(format_args!("<p><strong>{}</strong></p>\n", escaped(text)));
    }

    pub(super) fn caution(&mut self, text: &str) {
        self.put(format_args!("<p class=\"caution\">{}</p>\n", escaped(text)));
    }

    pub(super) fn table(&mut self, heads: &[&str], rows: &[Vec<String>]) {
        let row = |cells: &mut dyn Iterator<Item = &str>, tag: &str| {
            let cells = cells.map(|c| format!("<{tag}>{}</{tag}>", escaped(c)));
            format!("<tr>{}</tr>\n", cells.collect::<String>())
        };
        let mut out = row(&mut heads.iter().copied(), "th");
        for cells in rows {
            out += &row(&mut cells.iter().map(String::as_str), "td");
        }
        self.put(format_args!("<table>\n{out}</table>\n"));
    }

    /// A picture inside the page.
    ///
    /// # Errors
    /// If it cannot be packed as PNG.
    pub(super) fn figure(&mut self, picture: &Picture, caption: &str) -> Result<(), String> {
        let png = base64(&png(picture)?);
        let caption = escaped(caption);
        self.put(format_args!(
            "<figure><img alt=\"{caption}\" width=\"{}\" height=\"{}\" \
             src=\"data:image/png;base64,{png}\"><figcaption>{caption}</figcaption></figure>\n",
            picture.width, picture.height
        ));
        Ok(())
    }

    /// Text that is folded away; it must be escaped.
    pub(super) fn details(&mut self, title: &str, text: &str) {
        let title = escaped(title);
        self.put(format_args!("<details><summary>{title}</summary><pre>{text}</pre></details>\n"));
    }

    pub(super) fn finish(mut self) -> String {
        self.0.push_str("</body></html>\n");
        self.0
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        if self.0.write_fmt(text).is_err() {
            tracing::error!("a part of the report could not be written");
        }
    }
}

/// Text as HTML.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

fn png(picture: &Picture) -> Result<Vec<u8>, String> {
    let mut out = std::io::Cursor::new(Vec::new());
    let encoder = image::codecs::png::PngEncoder::new(&mut out);
    let (w, h) = (picture.width as u32, picture.height as u32);
    image::ImageEncoder::write_image(encoder, &picture.rgb, w, h, image::ExtendedColorType::Rgb8)
        .map_err(|e| format!("a picture of the report cannot be packed ({e})"))?;
    Ok(out.into_inner())
}

/// RFC 4648.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let at = |i: usize| u32::from(three.get(i).copied().unwrap_or(0));
        let group = at(0) << 16 | at(1) << 8 | at(2);
        for k in 0..4 {
            let letter = LETTERS[(group >> (18 - 6 * k) & 63) as usize];
            out.push(if k > three.len() { '=' } else { char::from(letter) });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_standard() {
        for (plain, packed) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(plain.as_bytes()), packed);
        }
    }

    #[test]
    fn what_a_text_holds_is_never_markup() {
        let mut page = Page::new("a");
        page.line("<script>alert('x')</script> & \"more\"");
        let html = page.finish();
        assert!(!html.contains("<script") && html.contains("&lt;script&gt;alert(&#39;x&#39;)"));
    }
}
