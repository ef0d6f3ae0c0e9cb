//! Types as SQL and programming languages write them: `list(string)`, `string[]`, `decimal(10, 2)`.

use super::Place;
use crate::token::TokenKind;
use millstream_base::diagnostic::Edit;

impl Place<'_> {
    pub(super) fn of_type(&self) -> Option<(String, Vec<Edit>)> {
        use TokenKind::*;
        let function = self.word(-2).to_ascii_lowercase();
        match (self.kind(-1)?, self.kind(0)?) {
            (LeftParenthesis, _) if matches!(&*function, "list" | "array" | "map") => {
                let open = self.at.checked_sub(1)?;
                let close = self.part(..).close(open)?;
                let last = self.part(self.at..close).parts().pop()?;
                let element =
                    last.text.get(last.all.first()?.start as usize..last.all.last()?.end as usize)?;
                let name = if function == "map" { "map" } else { "list" };
                let text = format!("{name}<{element}>");
                let span = self.span(self.index(-2)?)?.to(self.span(close)?);
                Some((format!("write `{text}`"), vec![Edit { span, text }]))
            }
            (element, LeftBracket)
                if element.is_name()
                    && self.kind(-2) == Some(Colon)
                    && self.kind(1) == Some(RightBracket) =>
            {
                Some(self.replace(-1, 1, &format!("list<{}>", self.word(-1))))
            }
            // How many digits there are in all is not said.
            (Integer, Comma)
                if self.word(-3).eq_ignore_ascii_case("decimal")
                    && self.kind(2) == Some(RightParenthesis) =>
            {
                Some(self.replace(-3, 2, &format!("decimal({})", self.word(1))))
            }
            _ => None,
        }
    }
}
