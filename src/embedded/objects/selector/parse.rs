//! The text form of a label selector, read as `k8s.io/apimachinery/pkg/labels` reads it.

use std::{collections::BTreeSet, iter::Peekable, vec};

use super::{Operator, Requirement, RequirementError, SelectorError};
use crate::embedded::objects::{field_error::FieldError, names};

const BINARY_OPERATORS: &str = "in, notin, =, ==, !=, gt, lt";

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Close,
    Comma,
    End,
    /// A word; `in` and `notin` are operators only where an operator can stand.
    Identifier(String),
    Open,
    Symbol(&'static str),
}

impl Token {
    fn text(self) -> String {
        match self {
            Self::Close => ")".to_owned(),
            Self::Comma => ",".to_owned(),
            Self::End => String::new(),
            Self::Identifier(text) => text,
            Self::Open => "(".to_owned(),
            Self::Symbol(text) => text.to_owned(),
        }
    }
}

pub(super) fn requirements(text: &str) -> Result<Vec<Requirement>, SelectorError> {
    let mut parser = Parser { tokens: tokens(text).into_iter().peekable() };
    let mut requirements = Vec::new();
    loop {
        match parser.peek() {
            Token::End => return Ok(requirements),
            Token::Identifier(_) | Token::Symbol("!") => requirements.push(parser.requirement()?),
            other => return Err(syntax(other, "!, identifier, or 'end of string'")),
        }
        match parser.take() {
            Token::End => return Ok(requirements),
            Token::Comma => match parser.peek() {
                Token::Identifier(_) | Token::Symbol("!") => {}
                other => return Err(syntax(other, "identifier after ','")),
            },
            other => return Err(syntax(other, "',' or 'end of string'")),
        }
    }
}

fn syntax(found: Token, expected: &'static str) -> SelectorError {
    SelectorError::Syntax { found: found.text(), expected }
}

fn tokens(text: &str) -> Vec<Token> {
    const SYMBOLS: [&str; 6] = ["!=", "==", "=", "!", ">", "<"];
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            ',' => (Token::Comma, 1),
            _ => match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
                Some(symbol) => (Token::Symbol(symbol), symbol.len()),
                None => {
                    let is_end = |c: char| "=!(),<>".contains(c) || c.is_whitespace();
                    let length = rest.find(is_end).unwrap_or(rest.len());
                    (Token::Identifier(rest[..length].to_owned()), length)
                }
            },
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    tokens
}

struct Parser {
    tokens: Peekable<vec::IntoIter<Token>>,
}

impl Parser {
    fn peek(&mut self) -> Token {
        self.tokens.peek().cloned().unwrap_or(Token::End)
    }

    fn take(&mut self) -> Token {
        self.tokens.next().unwrap_or(Token::End)
    }

    fn requirement(&mut self) -> Result<Requirement, RequirementError> {
        let mut token = self.take();
        let negated = token == Token::Symbol("!");
        if negated {
            token = self.take();
        }
        let Token::Identifier(key) = token else { return Err(expected(token, "identifier")) };
        if let Some(problem) = names::qualified_name(&key) {
            return Err(FieldError::invalid("key", key, problem).into());
        }
        if negated {
            return Ok(Requirement::new(&key, Operator::DoesNotExist, Vec::new())?);
        }
        if matches!(self.peek(), Token::End | Token::Comma) {
            return Ok(Requirement::new(&key, Operator::Exists, Vec::new())?);
        }
        let (operator, values) = match self.take() {
            Token::Identifier(word) if word == "in" => (Operator::In, self.set()?),
            Token::Identifier(word) if word == "notin" => (Operator::NotIn, self.set()?),
            Token::Symbol("=" | "==") => (Operator::In, self.exact_value()?),
            Token::Symbol("!=") => (Operator::NotIn, self.exact_value()?),
            Token::Symbol(">") => (Operator::GreaterThan, self.exact_value()?),
            Token::Symbol("<") => (Operator::LessThan, self.exact_value()?),
            other => return Err(expected(other, BINARY_OPERATORS)),
        };
        Ok(Requirement::new(&key, operator, values)?)
    }

    /// One value after `=`; nothing at all is the empty value.
    fn exact_value(&mut self) -> Result<Vec<String>, RequirementError> {
        match self.peek() {
            Token::End | Token::Comma => Ok(vec![String::new()]),
            Token::Identifier(value) => {
                self.take();
                Ok(vec![value])
            }
            other => Err(expected(other, "identifier")),
        }
    }

    /// `(a, b)`; an empty place between commas is the empty value, `()` is no value.
    fn set(&mut self) -> Result<Vec<String>, RequirementError> {
        let open = self.take();
        if open != Token::Open {
            return Err(RequirementError::NoParenthesis(open.text()));
        }
        if self.peek() == Token::Close {
            self.take();
            return Ok(Vec::new());
        }
        let mut values = BTreeSet::new();
        loop {
            let value = match self.peek() {
                Token::Identifier(value) => {
                    self.take();
                    value
                }
                Token::Comma | Token::Close => String::new(),
                other => return Err(expected(other, "',', ')' or identifier")),
            };
            values.insert(value);
            match self.take() {
                Token::Comma => {}
                Token::Close => return Ok(values.into_iter().collect()),
                other => return Err(expected(other, "',' or ')'")),
            }
        }
    }
}

fn expected(found: Token, expected: &'static str) -> RequirementError {
    RequirementError::Syntax { found: found.text(), expected }
}
