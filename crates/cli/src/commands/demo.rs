pub(crate) async fn run(
    _: &crate::args::Demo,
    _: crate::output::Output,
) -> Result<crate::exit::Exit, crate::exit::Failure> {
    Ok(crate::exit::Exit::Done)
}
