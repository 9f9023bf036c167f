//! Texts that come by dictionary: what is computed of one text is computed once a distinct value.

use std::any::Any;
use std::hash::Hash;
use std::hash::Hasher;
use std::sync::Arc;
use std::sync::Mutex;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::DictionaryArray;
use arrow::compute::take;
use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use arrow::datatypes::Int32Type;
use datafusion::common::DFSchema;
use datafusion::common::config::ConfigOptions;
use datafusion::common::internal_err;
use datafusion::common::tree_node::Transformed;
use datafusion::common::tree_node::TreeNode;
use datafusion::error::Result;
use datafusion::logical_expr as df;
use datafusion::logical_expr::ColumnarValue;
use datafusion::logical_expr::ScalarFunctionArgs;
use datafusion::logical_expr::ScalarUDF;
use datafusion::logical_expr::ScalarUDFImpl;
use datafusion::logical_expr::Signature;
use datafusion::logical_expr::Volatility;

use crate::data::encoded;

/// The expression over columns of which some come by dictionary: those are written out, but for
/// functions of nothing but such a column.
pub fn over(expr: df::Expr, input: &DFSchema) -> Result<df::Expr> {
    if !input.fields().iter().any(|it| is_encoded(it.data_type())) {
        return Ok(expr);
    }
    let whole = |it: &df::Expr| match it {
        df::Expr::Column(column) => input
            .field_with_unqualified_name(&column.name)
            .is_ok_and(|it| is_encoded(it.data_type())),
        _ => false,
    };
    let written = expr.transform_up(|it| {
        if whole(&it) {
            return Ok(Transformed::yes(df::cast(it, DataType::Utf8)));
        }
        let df::Expr::ScalarFunction(call) = &it else { return Ok(Transformed::no(it)) };
        let [df::Expr::Cast(cast)] = call.args.as_slice() else { return Ok(Transformed::no(it)) };
        if !whole(&cast.expr) {
            return Ok(Transformed::no(it));
        }
        let column = (*cast.expr).clone();
        let once = ByDictionary::new(call.func.clone())?;
        let encoded = once.result != once.of_values;
        let call = ScalarUDF::new_from_impl(once).call(vec![column]);
        Ok(Transformed::yes(if encoded { df::cast(call, DataType::Utf8) } else { call }))
    })?;
    // What is nothing but one text stays as it is held.
    Ok(match written.data {
        df::Expr::Cast(cast) if is_plain(&cast.expr, &whole) => *cast.expr,
        other => other,
    })
}

fn is_plain(expr: &df::Expr, whole: &dyn Fn(&df::Expr) -> bool) -> bool {
    match expr {
        df::Expr::ScalarFunction(call) => {
            let function: &dyn Any = call.func.inner().as_ref();
            function.is::<ByDictionary>()
        }
        other => whole(other),
    }
}

pub fn is_encoded(ty: &DataType) -> bool {
    *ty == encoded::data_type()
}

/// How many dictionaries are kept with their results: those of the row groups being read.
const KEPT: usize = 8;

type Results = Vec<(ArrayRef, ArrayRef)>;

/// A function of one text, computed once for each distinct value.
#[derive(Debug)]
struct ByDictionary {
    inner: Arc<ScalarUDF>,
    name: String,
    signature: Signature,
    of_values: DataType,
    result: DataType,
    known: Mutex<Results>,
}

impl ByDictionary {
    fn new(inner: Arc<ScalarUDF>) -> Result<ByDictionary> {
        let of_values = inner.return_type(&[DataType::Utf8])?;
        let result =
            if of_values == DataType::Utf8 { encoded::data_type() } else { of_values.clone() };
        Ok(ByDictionary {
            name: format!("each_{}", inner.name()),
            signature: Signature::exact(vec![encoded::data_type()], Volatility::Immutable),
            inner,
            of_values,
            result,
            known: Mutex::default(),
        })
    }

    fn of_values(&self, values: &ArrayRef) -> Result<ArrayRef> {
        let known = |all: &Results| {
            all.iter().find(|it| encoded::is_same(&it.0, values)).map(|it| it.1.clone())
        };
        if let Some(it) = self.known.lock().ok().and_then(|it| known(&it)) {
            return Ok(it);
        }
        let field = |ty: &DataType| Arc::new(Field::new("", ty.clone(), true));
        let args = ScalarFunctionArgs {
            args: vec![ColumnarValue::Array(values.clone())],
            arg_fields: vec![field(&DataType::Utf8)],
            number_rows: values.len(),
            return_field: field(&self.of_values),
            config_options: Arc::new(ConfigOptions::default()),
        };
        let found = self.inner.invoke_with_args(args)?.into_array(values.len())?;
        if let Ok(mut all) = self.known.lock() {
            all.truncate(KEPT - 1);
            all.insert(0, (values.clone(), found.clone()));
        }
        Ok(found)
    }
}

impl PartialEq for ByDictionary {
    fn eq(&self, other: &ByDictionary) -> bool {
        self.inner == other.inner
    }
}

impl Eq for ByDictionary {}

impl Hash for ByDictionary {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for ByDictionary {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.result.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let Some(texts) = arrays[0].as_dictionary_opt::<Int32Type>() else {
            return internal_err!("texts do not come by dictionary");
        };
        let found = self.of_values(texts.values())?;
        if self.of_values != DataType::Utf8 {
            return Ok(ColumnarValue::Array(take(&found, texts.keys(), None)?));
        }
        let given = |key: &i32| usize::try_from(*key).is_ok_and(|it| found.is_valid(it));
        let keys = match found.null_count() {
            0 => texts.keys().clone(),
            _ => texts.keys().iter().map(|key| key.filter(&given)).collect(),
        };
        Ok(ColumnarValue::Array(Arc::new(DictionaryArray::try_new(keys, found)?)))
    }
}
