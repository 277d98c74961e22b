//! Events and grades to terminal, JSON, JUnit, HTML.
