//! tamis
use datafusion as _;
