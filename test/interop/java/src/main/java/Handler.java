import com.amazonaws.services.lambda.runtime.events.SQSBatchResponse;
import com.amazonaws.services.lambda.runtime.events.SQSEvent;
import com.amazonaws.services.lambda.runtime.serialization.PojoSerializer;
import com.amazonaws.services.lambda.runtime.serialization.events.LambdaEventSerializers;
import com.amazonaws.services.lambda.runtime.serialization.factories.GsonFactory;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** Reads an event as Lambda's Java runtime does, and prints answers, one JSON a line: bodies, all done, nothing set, one failed. */
public class Handler {
  public static void main(String[] arguments) throws Exception {
    PojoSerializer<SQSEvent> events = LambdaEventSerializers.serializerFor(SQSEvent.class, Handler.class.getClassLoader());
    SQSEvent event = events.fromJson(System.in);
    SQSEvent.SQSMessage first = event.getRecords().get(0);
    if (!"aws:sqs".equals(first.getEventSource()) || first.getReceiptHandle() == null || first.getMd5OfBody() == null)
      throw new IllegalStateException("a field is missing: " + first);
    if (!"a".equals(first.getMessageAttributes().get("text").getStringValue()))
      throw new IllegalStateException("the attribute text is " + first.getMessageAttributes());
    if (first.getMessageAttributes().get("bytes").getBinaryValue().remaining() != 2)
      throw new IllegalStateException("the attribute bytes is " + first.getMessageAttributes());
    String last = event.getRecords().get(event.getRecords().size() - 1).getMessageId();
    print(List.class, event.getRecords().stream().map(SQSEvent.SQSMessage::getBody).toList());
    print(SQSBatchResponse.class, new SQSBatchResponse(List.of()));
    print(SQSBatchResponse.class, new SQSBatchResponse());
    print(SQSBatchResponse.class, new SQSBatchResponse(List.of(new SQSBatchResponse.BatchItemFailure(last))));
  }

  private static <T> void print(Class<T> type, T value) {
    PojoSerializer<T> serializer = GsonFactory.getInstance().getSerializer(type);
    ByteArrayOutputStream text = new ByteArrayOutputStream();
    serializer.toJson(value, text);
    System.out.println(text.toString(StandardCharsets.UTF_8));
  }
}
